"""What the policy filters of a chain decide about a connection or a request."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    ExtAuthz as HttpCheck,
)
from envoy.extensions.filters.http.jwt_authn.v3.config_pb2 import JwtAuthentication
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as http
from envoy.extensions.filters.network.ext_authz.v3.ext_authz_pb2 import (
    ExtAuthz as NetworkCheck,
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network

from meltemi.pilot.trace.access import decide
from meltemi.pilot.trace.answer import Problem, Stage, Step, Verdict
from meltemi.pilot.trace.metadata import metadata_agrees
from meltemi.pilot.trace.passing import taken_as_passing
from meltemi.pilot.trace.resources import unpacked
from meltemi.pilot.trace.situation import NotModelledError
from meltemi.pilot.trace.token import Standing, verify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envoy.config.listener.v3.listener_components_pb2 import Filter

    from meltemi.pilot.trace.access import Decision
    from meltemi.pilot.trace.situation import Situation

Judged = tuple["Problem | None", tuple[Verdict, ...]]
Found = tuple[tuple[Verdict, ...], "Situation"]
"""What one filter says, and what is known after it."""
TOKENS = "envoy.filters.http.jwt_authn"
ACCESS = "envoy.filters.http.rbac"
NETWORK_ACCESS = "envoy.filters.network.rbac"
CHECKED_PREFIX = "istio_ext_authz_"
"""Of what is noted for the filter that asks a service; any other rules that are
tried are a dry run."""
POLICY_ID = "shadow_effective_policy_id"


def judge(filters: Iterable[hcm.HttpFilter | Filter], now: Situation) -> Judged:
    """Return what the policies among ``filters`` decide, up to the first refusal."""
    verdicts: list[Verdict] = []
    for each in filters:
        try:
            more, now = _filter(each, now)
        except NotModelledError as error:
            verdicts.append(Verdict(each.name, "", str(error), allowed=False))
            return Problem.NOT_MODELLED, tuple(verdicts)
        verdicts += more
        if not all(one.allowed for one in more):
            return Problem.DENIED, tuple(verdicts)
    return None, tuple(verdicts)


def steps(verdicts: Iterable[Verdict]) -> tuple[Step, ...]:
    """Return the verdicts as decisions among others."""
    return tuple(
        Step(Stage.POLICY, each.policy or each.filter, each.why) for each in verdicts
    )


def _filter(made: hcm.HttpFilter | Filter, now: Situation) -> Found:
    access = unpacked(made.typed_config, http.RBAC)
    if access is not None:
        return _access(access, made.name, now, ACCESS)
    peer_access = unpacked(made.typed_config, network.RBAC)
    if peer_access is not None:
        return _access(peer_access, made.name, now, NETWORK_ACCESS)
    tokens = unpacked(made.typed_config, JwtAuthentication)
    if tokens is not None:
        return _token(tokens, made.name, now)
    check = unpacked(made.typed_config, HttpCheck) or unpacked(
        made.typed_config, NetworkCheck
    )
    if check is not None:
        return _check(check, made.name, now), now
    if isinstance(made, hcm.HttpFilter):
        word = taken_as_passing(made)
        return ((word,) if word else ()), now
    return (), now


def _access(
    rbac: http.RBAC | network.RBAC, name: str, now: Situation, left_by: str
) -> Found:
    """Return what the rules say, first those that are tried only, and their note."""
    if rbac.HasField("matcher") or rbac.HasField("shadow_matcher"):
        raise NotModelledError("a matcher tree decides")
    made: list[Verdict] = []
    enforced = decide(rbac.rules, now) if rbac.HasField("rules") else None
    if rbac.HasField("shadow_rules"):
        shadow, prefix = decide(rbac.shadow_rules, now), rbac.shadow_rules_stat_prefix
        noted = {**now.found.get(left_by, {}), **_note(shadow, prefix)}
        now = replace(now, found={**now.found, left_by: noted})
        if prefix != CHECKED_PREFIX:
            made.append(_tried(name, shadow))
    if enforced is not None:
        refuses = now.request is not None and not enforced.allowed
        made.append(
            Verdict(
                name,
                enforced.policy,
                enforced.why,
                allowed=enforced.allowed,
                status=HTTPStatus.FORBIDDEN if refuses else 0,
            )
        )
    return tuple(made), now


def _note(shadow: Decision, prefix: str) -> dict[str, str]:
    """Return what rules that are tried leave behind for later filters.

    Source: source/extensions/filters/http/rbac/rbac_filter.cc, decodeHeaders.
    """
    result = "allowed" if shadow.allowed else "denied"
    policy = {f"{prefix}{POLICY_ID}": shadow.policy} if shadow.policy else {}
    return {f"{prefix}shadow_engine_result": result, **policy}


def _tried(name: str, shadow: Decision) -> Verdict:
    word = "would let it pass" if shadow.allowed else "would refuse it"
    why = f"a dry run {word}: {shadow.why}"
    return Verdict(name, shadow.policy, why, allowed=True, dry=True)


def _token(settings: JwtAuthentication, name: str, now: Situation) -> Found:
    if now.request is None:
        raise NotModelledError("tokens are wanted of a connection")
    verified = verify(settings, now.request, now.call)
    right = verified.standing is Standing.RIGHT
    found = {**now.found, TOKENS: verified.payloads}
    status = 0 if right else verified.status or HTTPStatus.UNAUTHORIZED
    verdict = Verdict(name, "", verified.why, allowed=right, status=status)
    return (verdict,), replace(now, found=found)


def _check(
    made: HttpCheck | NetworkCheck, name: str, now: Situation
) -> tuple[Verdict, ...]:
    """Return the verdict of a service that is asked: unknown here, taken as a yes."""
    if made.HasField("filter_enabled_metadata") and not metadata_agrees(
        made.filter_enabled_metadata, now.found
    ):
        return ()
    left_by = made.filter_enabled_metadata.filter
    policy = str(now.found.get(left_by, {}).get(f"{CHECKED_PREFIX}{POLICY_ID}", ""))
    why = "a service is asked; what it answers is not known here"
    return (Verdict(name, policy, why, allowed=True, sure=False),)
