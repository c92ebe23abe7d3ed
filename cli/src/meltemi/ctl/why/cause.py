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
    from meltemi.ctl.why.refusal import Refusal

DENIED: Final = re.compile(r"rbac_access_denied_matched_policy\[(.*)\]$")
POLICY: Final = re.compile(r"ns\[(.+?)\]-policy\[(.+?)\]-rule\[(\d+)\]")
TOKEN: Final = re.compile(r"jwt_authn_access_denied\{(.*)\}$")
NOTHING: Final = Asking()
"""Nobody said what policies ask."""
OTHER_SIDE: Final = "the other side"
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
    """What was the matter, what to look at, and the page of Envoy's about it."""

    what: str
    look: str = ""
    page: str = ""


def causes(
    hop: Hop, asked: Asking = NOTHING, refusal: Refusal | None = None
) -> tuple[Cause, ...]:
    """Return why ``hop`` failed; () where another hop has the cause.

    Args:
        hop: What a proxy logged.
        asked: What policies ask of tokens, as far as that is known.
        refusal: Its connection, if the server's proxy would not take that.

    """
    if not hop.failed:
        return ()
    if not hop.answered_itself:
        if hop.inbound:
            return (Cause("the application itself answered so", "its own log"),)
        return ()
    if refusal is not None:
        return (_refused(hop, refusal),)
    return tuple(_own(hop, asked))


def _refused(hop: Hop, refusal: Refusal) -> Cause:
    page = next((FLAGS[flag].page for flag in hop.flags if flag in FLAGS), "")
    proxy, reason = refusal.server.proxy, refusal.reason or "it does not say why"
    if not refusal.plain:
        return Cause(
            f"the proxy of {proxy} has no filter chain for the connection ({reason})",
            f"meltemi pc listener {proxy}",
            page,
        )
    names = [each for each in (refusal.policy, refusal.rule) if each]
    policy, rule = (
        f" ({each})" if each else "" for each in (refusal.policy, refusal.rule)
    )
    return Cause(
        f"{proxy} demands mutual TLS{policy} and the caller spoke plain text{rule}",
        "; ".join(map(_get, names))
        or "PeerAuthentication, tls.mode of DestinationRule",
        page,
    )


def _get(subject: str) -> str:
    kind, namespace, name = subject.split("/")
    return f"meltemi get {kind.lower()} {name} -n {namespace} -o yaml"


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
    for flag in known:
        what, look, page = FLAGS[flag].what, FLAGS[flag].look, FLAGS[flag].page
        if hop.inbound and OTHER_SIDE in what:  # which is no proxy there
            what, look = what.replace(OTHER_SIDE, "the application"), "its own log"
        yield Cause(what, look, page)
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
