"""What the policy filters of a chain decide about a connection or a request."""

from __future__ import annotations

from dataclasses import replace
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

    from meltemi.pilot.trace.situation import Situation

Judged = tuple["Problem | None", tuple[Verdict, ...]]
TOKENS = "envoy.filters.http.jwt_authn"
ACCESS = "envoy.filters.http.rbac"
NETWORK_ACCESS = "envoy.filters.network.rbac"


def judge(filters: Iterable[hcm.HttpFilter | Filter], now: Situation) -> Judged:
    """Return what the policies among ``filters`` decide, up to the first refusal."""
    verdicts: list[Verdict] = []
    for each in filters:
        try:
            verdict, now = _filter(each, now)
        except NotModelledError as error:
            verdicts.append(Verdict(each.name, "", str(error), allowed=False))
            return Problem.NOT_MODELLED, tuple(verdicts)
        if verdict is None:
            continue
        verdicts.append(verdict)
        if not verdict.allowed:
            return Problem.DENIED, tuple(verdicts)
    return None, tuple(verdicts)


def steps(verdicts: Iterable[Verdict]) -> tuple[Step, ...]:
    """Return the verdicts as decisions among others."""
    return tuple(
        Step(Stage.POLICY, each.policy or each.filter, each.why) for each in verdicts
    )


def _filter(
    made: hcm.HttpFilter | Filter, now: Situation
) -> tuple[Verdict | None, Situation]:
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
        return taken_as_passing(made), now
    return None, now


def _access(
    rbac: http.RBAC | network.RBAC, name: str, now: Situation, left_by: str
) -> tuple[Verdict | None, Situation]:
    """Return the verdict of the rules, and the situation with the shadow's note."""
    if rbac.HasField("matcher") or rbac.HasField("shadow_matcher"):
        raise NotModelledError("a matcher tree decides")
    if rbac.HasField("shadow_rules"):
        shadow = decide(rbac.shadow_rules, now)
        key = f"{rbac.shadow_rules_stat_prefix}shadow_effective_policy_id"
        note = {key: shadow.policy} if shadow.policy else {}
        noted = {**now.found.get(left_by, {}), **note}
        now = replace(now, found={**now.found, left_by: noted})
    if not rbac.HasField("rules"):
        return None, now
    decision = decide(rbac.rules, now)
    return Verdict(name, decision.policy, decision.why, allowed=decision.allowed), now


def _token(
    settings: JwtAuthentication, name: str, now: Situation
) -> tuple[Verdict, Situation]:
    if now.request is None:
        raise NotModelledError("tokens are wanted of a connection")
    verified = verify(settings, now.request, now.call.now)
    right = verified.standing is Standing.RIGHT
    found = {**now.found, TOKENS: verified.payloads}
    return Verdict(name, "", verified.why, allowed=right), replace(now, found=found)


def _check(made: HttpCheck | NetworkCheck, name: str, now: Situation) -> Verdict | None:
    """Return the verdict of a service that is asked: unknown here, taken as a yes."""
    if made.HasField("filter_enabled_metadata") and not metadata_agrees(
        made.filter_enabled_metadata, now.found
    ):
        return None
    why = "a service is asked; what it answers is not known here"
    return Verdict(name, "", why, allowed=True, sure=False)
