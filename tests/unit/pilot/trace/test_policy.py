from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.jwt_authn.v3 import (
    config_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.filters.http.rbac.v3 import (
    rbac_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.access import decide
from meltemi.pilot.trace.answer import Problem
from meltemi.pilot.trace.call import Call, Http, Tls
from meltemi.pilot.trace.policy import judge
from meltemi.pilot.trace.situation import Situation

ANY = {"any": True}
TYPES = "type.googleapis.com/envoy.extensions.filters.http"
NOW = Situation(
    Call("10.0.0.1", 80, tls=Tls("web"), source="10.9.9.9"),
    Http("web", "/a"),
    "spiffe://a/ns/b/sa/c",
    "192.0.2.1",
)


def rules(action: str, **policies: dict[str, Any]) -> RBAC:
    made = {
        name: {"permissions": [ANY], "principals": [ANY]} | each
        for name, each in policies.items()
    }
    return ParseDict({"action": action, "policies": made}, RBAC())


def http_filter(kind: str, **settings: Any) -> hcm.HttpFilter:
    body = {"name": "f", "typed_config": {"@type": f"{TYPES}.{kind}"} | settings}
    return ParseDict(body, hcm.HttpFilter())


def access(**settings: Any) -> hcm.HttpFilter:
    return http_filter("rbac.v3.RBAC", **settings)


def test_the_first_policy_by_name_that_matches_decides() -> None:
    made = rules("DENY", b={}, a={})
    assert decide(made, NOW).policy == "a"


def test_empty_rules_refuse_by_allow_and_let_pass_by_deny_and_log() -> None:
    for action, allowed in (("ALLOW", False), ("DENY", True), ("LOG", True)):
        decision = decide(rules(action), NOW)
        assert (decision.allowed, decision.why) == (
            allowed,
            f"{action} has no policies",
        )


def test_log_refuses_nothing() -> None:
    assert decide(rules("LOG", a={}), NOW).allowed


@pytest.mark.parametrize(
    ("principal", "holds"),
    [
        ({"authenticated": {}}, True),
        ({"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}, True),
        ({"source_ip": {"address_prefix": "192.0.2.1", "prefix_len": 32}}, True),
        ({"remote_ip": {"address_prefix": "192.0.2.2", "prefix_len": 32}}, False),
        ({"url_path": {"path": {"exact": "/a"}}}, True),
        ({"filter_state": {"key": "io.istio.peer_principal", "string_match": {"prefix": "spiffe://a/"}}}, True),
    ],
)  # fmt: skip
def test_callers_can_be_told_apart_in_other_ways(
    principal: dict[str, Any], *, holds: bool
) -> None:
    made = rules("ALLOW", a={"principals": [principal]})
    assert decide(made, NOW).allowed is holds


@pytest.mark.parametrize(
    ("permission", "holds"),
    [
        ({"destination_port_range": {"start": 80, "end": 81}}, True),
        ({"destination_port_range": {"start": 81, "end": 90}}, False),
        ({"not_rule": {"any": True}}, False),
    ],
)
def test_operations_can_be_told_apart_in_other_ways(
    permission: dict[str, Any], *, holds: bool
) -> None:
    made = rules("ALLOW", a={"permissions": [permission]})
    assert decide(made, NOW).allowed is holds


@pytest.mark.parametrize(
    "settings",
    [
        {"matcher": {}},
        {"rules": {"policies": {"a": {"permissions": [{"matcher": {"name": "m"}}], "principals": [ANY]}}}},
        {"rules": {"policies": {"a": {"permissions": [{"uri_template": {"name": "m"}}], "principals": [ANY]}}}},
        {"rules": {"policies": {"a": {"permissions": [ANY], "principals": [{"filter_state": {"key": "k"}}]}}}},
        {"rules": {"policies": {"a": {"permissions": [ANY], "principals": [{"custom": {"name": "m"}}]}}}},
        {"rules": {"policies": {"a": {"permissions": [ANY], "principals": [ANY], "condition": {}}}}},
    ],
)  # fmt: skip
def test_what_is_not_simulated_is_said_and_not_guessed(
    settings: dict[str, Any],
) -> None:
    problem, (verdict,) = judge([access(**settings)], NOW)
    assert problem is Problem.NOT_MODELLED
    assert not verdict.allowed
    assert "asks for" in verdict.why or "decides" in verdict.why


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"match": {"prefix": "/"}}, None),
        ({"match": {"prefix": "/x"}}, Problem.NOT_MODELLED),
        ({"match": {"prefix": "/"}, "requires": {"allow_missing_or_failed": {}}}, None),
        ({"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "p"}]}}}, Problem.DENIED),
        ({"match": {"prefix": "/"}, "requires": {"requires_all": {"requirements": [{"provider_name": "p"}]}}}, Problem.DENIED),
        ({"match": {"prefix": "/"}, "requires": {"provider_and_audiences": {}}}, Problem.NOT_MODELLED),
        (None, None),
    ],
)  # fmt: skip
def test_tokens_can_be_demanded_in_other_ways(
    rule: dict[str, Any] | None, problem: Problem | None
) -> None:
    settings = {"providers": {"p": {"issuer": "i"}}, "rules": [rule] if rule else []}
    found, _ = judge([http_filter("jwt_authn.v3.JwtAuthentication", **settings)], NOW)
    assert found is problem


def test_a_rule_about_an_address_that_nobody_said_is_not_guessed_at() -> None:
    block = {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}}
    settings = {"action": "ALLOW", "policies": {"a": {"permissions": [ANY], "principals": [block]}}}  # fmt: skip
    unsaid = replace(NOW, call=replace(NOW.call, source=""))
    problem, (verdict,) = judge([access(rules=settings)], unsaid)
    assert problem is Problem.NOT_MODELLED
    assert "the address of the peer" in verdict.why


def test_a_dry_run_says_what_it_would_do_and_refuses_nothing() -> None:
    shadow = {"action": "DENY", "policies": {"a": {"permissions": [ANY], "principals": [ANY]}}}  # fmt: skip
    made = access(shadow_rules=shadow, shadow_rules_stat_prefix="istio_dry_run_deny_")
    problem, (verdict,) = judge([made], NOW)
    assert problem is None
    assert (verdict.dry, verdict.allowed, verdict.policy) == (True, True, "a")
    assert verdict.why.startswith("a dry run would refuse it: DENY a: ")
    passing = access(shadow_rules={"action": "DENY"})
    _, (other,) = judge([passing], NOW)
    assert other.why.startswith("a dry run would let it pass: ")


def test_a_refusal_says_what_a_request_is_answered_with() -> None:
    never = access(rules={"action": "ALLOW"})
    _, (verdict,) = judge([never], NOW)
    assert verdict.status == HTTPStatus.FORBIDDEN
    _, (of_bytes,) = judge([never], replace(NOW, request=None))
    assert of_bytes.status == 0
    _, (passing,) = judge([access(rules={"action": "DENY"})], NOW)
    assert passing.status == 0


def test_no_policy_is_asked_after_a_refusal() -> None:
    never = access(rules={"action": "ALLOW"})
    problem, verdicts = judge([never, access(matcher={})], NOW)
    assert problem is Problem.DENIED
    assert len(verdicts) == 1
