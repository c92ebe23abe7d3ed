"""What one attribute of a rule asks for: a source, an operation, or a condition.

Source: pilot/pkg/security/authz/model/generator.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot.ir import rbac
from meltemi.pilot.translate.authorization import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Values = tuple[str, ...]

TOKEN = "envoy.filters.http.jwt_authn"  # noqa: S105 - a filter's name
PAYLOAD = "payload"
"""Where that filter leaves the claims."""


class HttpOnlyError(Exception):
    """An attribute that connections don't have; it does not leave this package."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An attribute, the values one of which must hold, and those none of which may.

    Attributes:
        key: As in ``when``; fields of sources and operations have the key that means
            the same there, or ``:authority``, ``:method`` and ``path``.
        values: One of them must hold; empty asks nothing.
        excluded: None of them may.

    """

    key: str
    values: Values
    excluded: Values

    @property
    def about_operation(self) -> bool:
        """Whether it is about what is asked for, not about who asks."""
        return self.key in OPERATIONS or self.key.startswith(ENVOY)


def conditions(asked: Asked, home: str, *, for_tcp: bool) -> list[rbac.Condition]:
    """Return what must hold for ``asked``, which is about a policy in ``home``.

    Raises:
        HttpOnlyError: If connections don't have the attribute, and are asked about.

    """
    asks = bool(asked.values or asked.excluded)
    if for_tcp and asks and asked.key.startswith(HTTP_ONLY):
        raise HttpOnlyError(asked.key)
    made: list[rbac.Condition] = []
    if asked.values:
        made.append(_any_of(asked.key, asked.values, home))
    if asked.excluded:
        made.append(rbac.Not(_any_of(asked.key, asked.excluded, home)))
    return made


def _any_of(key: str, values: Values, home: str) -> rbac.Condition:
    """Return a condition that holds for one of the values."""
    if key.startswith(ENVOY):
        return _filter_metadata(key, values)
    if key.startswith("request.auth."):
        return _token(key, values)
    if key.startswith("request.headers["):
        name = _bracketed(key)
        return rbac.Either(tuple(text.header(name, each) for each in values))
    if key == "source.serviceAccount":
        accounts = (text.of_account(each, home) for each in values)
        return rbac.Either(tuple(rbac.Peer(each) for each in accounts))
    return rbac.Either(tuple(SIMPLE[key](each) for each in values))


def _token(key: str, values: Values) -> rbac.Condition:
    if key == "request.auth.principal":
        found = tuple(_subject(each) for each in values)
        return found[0] if len(found) == 1 else rbac.Either(found)
    if key in CLAIMS:
        return _claim((CLAIMS[key],), values)
    return _claim(tuple(_bracketed(key).split("][")), values)


def _path(value: str) -> rbac.Condition:
    if "{*}" in value or "{**}" in value:
        return rbac.PathTemplate(value.replace("{**}", "**").replace("{*}", "*"))
    return rbac.Path(text.text(value))


def _subject(value: str) -> rbac.Condition:
    """Return a condition for ``ISSUER/SUBJECT``; issuers hold slashes themselves."""
    issuer, slash, subject = value.rpartition("/")
    if not slash:
        issuer, subject = value, ""
    exact = rbac.Compare.EXACT
    by_issuer, by_subject = rbac.Text(exact, issuer), rbac.Text(exact, subject)
    match value.startswith("*"), value.endswith("*"):
        case _ if value == "*":
            by_issuer = by_subject = text.SOMETHING
        case True, _ if slash:
            by_issuer = text.text(issuer) if issuer == "*" else _suffix(issuer)
        case True, _:
            by_issuer, by_subject = text.SOMETHING, _suffix(value)
        case _, True if slash:
            by_subject = text.text(subject)
        case _, True:
            by_issuer, by_subject = text.text(value), text.SOMETHING
    return rbac.All((_of_token("iss", by_issuer), _of_token("sub", by_subject)))


def _suffix(value: str) -> rbac.Text:
    return rbac.Text(rbac.Compare.SUFFIX, value[1:])


def _of_token(claim: str, wanted: rbac.Text) -> rbac.Condition:
    return rbac.Metadata(TOKEN, (PAYLOAD, claim), (rbac.OneOf((wanted,)),))


def _claim(path: Values, values: Values) -> rbac.Condition:
    """Return a condition for a claim, which may be a text or a list of texts."""
    texts = tuple(text.text(each) for each in values)
    either = (rbac.OneOf(texts, in_list=True), rbac.OneOf(texts))
    return rbac.Metadata(TOKEN, (PAYLOAD, *path), either)


def _filter_metadata(key: str, values: Values) -> rbac.Condition:
    """Return a condition for what a filter found; ``[v]`` is a list that holds v."""
    name = key.removeprefix("experimental.").partition("[")[0]
    found = tuple(
        rbac.OneOf(
            (text.text(each.strip("[]") if _is_list(each) else each),),
            in_list=_is_list(each),
        )
        for each in values
    )
    return rbac.Metadata(name, (_bracketed(key),), found)


def _is_list(value: str) -> bool:
    return value.startswith("[") and value.endswith("]")


def _bracketed(key: str) -> str:
    return key.partition("[")[2].removesuffix("]")


ENVOY = "experimental.envoy.filters."
OPERATIONS = (
    *(":authority", ":method", "path", "destination.port"),
    *("destination.ip", "connection.sni"),
)
HTTP_ONLY = (":authority", ":method", "path", "request.")
CLAIMS = {"request.auth.audiences": "aud", "request.auth.presenter": "azp"}
SIMPLE: Mapping[str, Callable[[str], rbac.Condition]] = {
    ":authority": lambda value: text.header(":authority", value, ignore_case=True),
    ":method": lambda value: text.header(":method", value),
    "path": _path,
    "destination.port": lambda value: rbac.DestinationPort(int(value)),
    "destination.ip": lambda value: rbac.DestinationAddress(text.block(value)),
    "connection.sni": lambda value: rbac.ServerName(text.text(value)),
    "source.ip": lambda value: rbac.PeerAddress(text.block(value)),
    "remote.ip": lambda value: rbac.ClientAddress(text.block(value)),
    "source.namespace": lambda value: rbac.Peer(text.of_namespace(value)),
    "source.principal": lambda value: rbac.Peer(text.identity(value)),
    "source.trustDomain": lambda value: rbac.Peer(text.of_trust_domain(value)),
}
"""Attributes whose values are compared one by one."""
