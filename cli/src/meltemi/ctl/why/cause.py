"""Why a proxy answered as it did, in plain words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.ctl.why.asking import Asking
from meltemi.ctl.why.flags import FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.ctl.why.hop import Hop

DENIED: Final = re.compile(r"rbac_access_denied_matched_policy\[(.*)\]$")
POLICY: Final = re.compile(r"ns\[(.+?)\]-policy\[(.+?)\]-rule\[(\d+)\]")
TOKEN: Final = re.compile(r"jwt_authn_access_denied\{(.*)\}$")
NOTHING: Final = Asking()
"""Nobody said what policies ask."""
MISSING: Final = ": it asks for a token, and the request had none"
TLS: Final = (
    (
        re.compile(r"SAN|subject.?alt", re.IGNORECASE),
        "the other side's certificate is for another identity than its service has",
        "serviceAccount of the WorkloadEntry, subjectAltNames of the DestinationRule",
    ),
    (
        re.compile(r"WRONG_VERSION_NUMBER|HTTP_REQUEST"),
        "the other side speaks plain text where mutual TLS was expected",
        "has it a proxy? PeerAuthentication, and tls.mode of the DestinationRule",
    ),
    (
        re.compile(r"CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA", re.IGNORECASE),
        "the other side does not believe this proxy's certificate, or was shown none",
        "tls.mode of the DestinationRule; meltemi identity PROXY",
    ),
    (
        re.compile(r"CERTIFICATE_VERIFY_FAILED|expired", re.IGNORECASE),
        "the other side's certificate is not believed: its roots or its time",
        "meltemi pc secret PROXY on both sides",
    ),
)
"""What a failed handshake says: the first that fits."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What was the matter, and what to look at."""

    what: str
    look: str = ""


def causes(hop: Hop, asked: Asking = NOTHING) -> tuple[Cause, ...]:
    """Return why ``hop`` failed; () where another hop has the cause.

    ``asked`` is what policies ask of tokens, as far as that is known.
    """
    if not hop.failed:
        return ()
    if not hop.answered_itself:
        if hop.inbound:
            return (Cause("the application itself answered so", "its own log"),)
        return ()
    return tuple(_own(hop, asked))


def _own(hop: Hop, asked: Asking) -> Iterator[Cause]:
    policy = _policy(hop, asked)
    if policy is not None:
        yield policy
        return
    token = TOKEN.match(hop.details)
    if token:
        said = token.group(1).replace("_", " ").rstrip(".")
        yield Cause(f"the token was not accepted: {said}", "RequestAuthentication")
        return
    for reason in (
        hop.upstream_transport_failure_reason,
        hop.downstream_transport_failure_reason,
    ):
        if reason:
            yield _handshake(reason)
    known = [flag for flag in hop.flags if flag in FLAGS]
    yield from (Cause(*FLAGS[flag]) for flag in known)
    if not known:
        yield Cause(f"Envoy says {hop.details or 'nothing more'}")


def _policy(hop: Hop, asked: Asking) -> Cause | None:
    denied = DENIED.match(hop.details)
    if denied is None:
        return None
    rule = POLICY.search(denied.group(1))
    if rule is None:
        missing = MISSING if asked.allows and hop.token_issuer is None else ""
        return Cause(
            f"no rule of an AuthorizationPolicy allows it{missing}",
            "meltemi authz explain --from CALLER --to WORKLOAD",
        )
    namespace, name, number = rule.groups()
    asks = (namespace, name, int(number)) in asked.rules
    missing = MISSING if asks and hop.token_issuer is None else ""
    return Cause(
        f"AuthorizationPolicy/{namespace}/{name} spec.rules[{number}] denies it"
        f"{missing}",
        f"meltemi get authorizationpolicy {name} -n {namespace} -o yaml",
    )


def _handshake(reason: str) -> Cause:
    for pattern, what, look in TLS:
        if pattern.search(reason):
            return Cause(f"{what} ({reason})", look)
    return Cause(f"the connection failed: {reason}")
