"""Why a proxy answered as it did, in plain words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meltemi.ctl.why.asking import Asking
from meltemi.ctl.why.flags import FLAGS
from meltemi.ctl.why.hop import UNSERVED
from meltemi.ctl.why.spoken import demands_tls, speaks_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside a proxy's own line.

    Attributes:
        asking: What policies ask of tokens.
        turned_away: By the caller's address the connections that servers did not take.
        objects: How sides speak: DestinationRules and PeerAuthentications.

    """

    asking: Asking = NOTHING
    turned_away: Mapping[str, Hop] = field(default_factory=dict[str, "Hop"])
    objects: tuple[Mapping[str, Any], ...] = ()


UNKNOWN: Final = Known()


def causes(hop: Hop, known: Known = UNKNOWN) -> tuple[Cause, ...]:
    """Return why ``hop`` failed; () where another hop has the cause."""
    if not hop.failed:
        return ()
    if not hop.answered_itself:
        if hop.inbound:
            return (Cause("the application itself answered so", "its own log"),)
        return ()
    return tuple(_own(hop, known))


def _own(hop: Hop, known: Known) -> Iterator[Cause]:
    policy = _policy(hop, known.asking)
    if policy is not None:
        yield policy
        return
    token = TOKEN.match(hop.details)
    if token:
        said = token.group(1).replace("_", " ").rstrip(".")
        yield Cause(f"the token was not accepted: {said}", "RequestAuthentication")
        return
    server = known.turned_away.get(hop.upstream_local_address or "")
    if server is not None:
        yield _plain(hop, server, known)
        return
    for reason in (
        hop.upstream_transport_failure_reason,
        hop.downstream_transport_failure_reason,
    ):
        if reason:
            yield _handshake(reason)
    flags = [flag for flag in hop.flags if flag in FLAGS]
    yield from (Cause(*FLAGS[flag]) for flag in flags)
    if not flags:
        yield Cause(f"Envoy says {hop.details or 'nothing more'}")


def _plain(hop: Hop, server: Hop, known: Known) -> Cause:
    demanding = " or ".join(demands_tls(known.objects)) or "PeerAuthentication"
    speaking = " or ".join(speaks_plain(known.objects, hop.called))
    return Cause(
        f"{server.proxy} demands mutual TLS, and this proxy spoke plain text: "
        f"{server.proxy} did not take the connection ({UNSERVED})",
        f"{speaking or 'tls.mode of the DestinationRule'}; {demanding}",
    )


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
