"""Pitfalls 56 to 67 of Istio's meaning: who may call, and how it is known.

66, STRICT and what is left out of capture: ``excludeInboundPorts`` belongs to the rules
that redirect traffic, and probes to the agent; Pilot has no part in either. Step 5
brings them.
"""

from __future__ import annotations

import pytest

from meltemi.pilot.trace import Answer, Call, Http, Problem, Tls, Way, trace
from meltemi.testkit.policies import (
    KEYS,
    asked,
    bearer,
    held_by,
    judged,
    judged_bytes,
)
from meltemi.testkit.small_mesh import HTTP, refused, service, sidecar, the

ISSUER = f"issuer: i, jwks: '{KEYS}'"
MESH = service(
    "a",
    HTTP,
    "90 tcp TCP",
    more="resolution: STATIC, endpoints: [{address: 10.0.1.1, labels: {app: web}}]",
)


def policy(spec: str, name: str = "one", namespace: str = "default") -> str:
    return the("AuthorizationPolicy", name, spec, namespace)


def tokens(rules: str, name: str = "one", namespace: str = "default") -> str:
    return the("RequestAuthentication", name, f"jwtRules: [{rules}]", namespace)


def mutual(mode: str, more: str = "", namespace: str = "default") -> str:
    return the(
        "PeerAuthentication", mode.lower(), f"mtls: {{mode: {mode}}}, {more}", namespace
    )


def passes(text: str, call: Call | None = None) -> bool:
    """Tell whether the policies of ``text`` let a request pass."""
    return not judged(held_by(text), call or asked()).problem


def arriving(text: str, port: int = 80, tls: Tls | None = None) -> Answer:
    """Return what becomes of a connection that comes to the workload."""
    held = sidecar(MESH + text, address="10.0.1.1", labels={"app": "web"})
    return trace(held, Call("10.0.1.1", port, Way.INBOUND, tls=tls, http=Http("a")))


def test_56_an_allow_denies_the_rest_and_denials_come_before_it() -> None:
    allow = policy("action: ALLOW, rules: [{to: [{operation: {paths: ['/a']}}]}]")
    everything = policy("action: ALLOW, rules: [{}]", "all")
    deny = policy("action: DENY, rules: [{to: [{operation: {paths: ['/a']}}]}]", "deny")
    audit = policy("action: AUDIT, rules: [{}]", "audit")
    assert passes("")
    assert passes(allow, asked("/a"))
    assert not passes(allow, asked("/b"))
    assert not passes(allow + everything + deny, asked("/a"))
    assert passes(audit)


def test_56_an_external_answer_comes_before_both() -> None:
    custom = policy("action: CUSTOM, provider: {name: nobody}, rules: [{}]", "custom")
    answer = judged(held_by(policy("action: ALLOW, rules: [{}]") + custom), asked())
    assert answer.problem is Problem.DENIED, "a provider that is missing refuses"
    (first, *_) = answer.verdicts
    assert not first.allowed


@pytest.mark.parametrize(
    ("spec", "passed"),
    [
        ("action: ALLOW", False),
        ("action: ALLOW, rules: []", False),
        ("action: ALLOW, rules: [{}]", True),
        ("action: DENY, rules: [{}]", False),
    ],
)
def test_57_no_rule_matches_nothing_and_an_empty_one_everything(
    spec: str, *, passed: bool
) -> None:
    assert passes(policy(spec)) is passed


@pytest.mark.parametrize("spec", ["action: DENY", "action: DENY, rules: []"])
def test_57_a_denial_without_rules_would_do_nothing_and_is_not_taken(spec: str) -> None:
    assert "never acts" in refused(policy(spec))


def test_58_without_mutual_tls_there_is_no_principal_to_match() -> None:
    james = "cluster.local/ns/shop/sa/james"
    named = policy(f"rules: [{{from: [{{source: {{principals: ['{james}']}}}}]}}]")
    others = policy(f"rules: [{{from: [{{source: {{notPrincipals: ['{james}']}}}}]}}]")
    assert passes(named)
    assert not passes(named, asked(by=""))
    assert not passes(others)
    assert passes(others, asked(by="")), "nobody is not James"


def test_59_on_byte_streams_allow_narrows_and_deny_widens() -> None:
    rules = "rules: [{to: [{operation: {methods: [GET], ports: ['80']}}]}]"
    call = Call("10.0.0.1", 80, tls=Tls("a", certificate=True))
    for action in ("ALLOW", "DENY"):
        given = held_by(policy(f"action: {action}, {rules}"))
        assert judged_bytes(given, call).problem is Problem.DENIED, action
    only = held_by(
        policy("action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]")
    )
    assert judged_bytes(only, call).problem is Problem.DENIED, "of any port"


def test_60_paths_are_without_a_query_and_hosts_with_or_without_a_port() -> None:
    path = policy("rules: [{to: [{operation: {paths: ['/a']}}]}]")
    assert passes(path, asked("/a?b=c"))
    assert not passes(path, asked("/a/b"))
    host = policy("rules: [{to: [{operation: {hosts: [web, 'web:*']}}]}]")
    assert passes(host, asked(host="web"))
    assert passes(host, asked(host="web:8080"))
    assert not passes(host, asked(host="webs"))


def test_60_the_mesh_says_how_paths_are_normalized_before() -> None:
    policy_ = policy("action: DENY, rules: [{to: [{operation: {paths: ['/a']}}]}]")

    def denied(path: str, normalization: str) -> bool:
        mesh = the(
            "MeshConfig",
            "default",
            f"pathNormalization: {{normalization: {normalization}}}",
            "istio-system",
        )
        held = sidecar(MESH + policy_ + mesh, address="10.0.1.1", labels={"app": "web"})
        call = Call("10.0.1.1", 80, Way.INBOUND, http=Http("a", path))
        return trace(held, call).problem is Problem.DENIED

    assert denied("/b/../a", "BASE")
    assert not denied("//a", "BASE")
    assert denied("//a", "MERGE_SLASHES")
    assert not denied("/%61", "NONE")
    assert denied("/b%2F../a", "DECODE_AND_MERGE_SLASHES")


def test_61_a_token_is_verified_but_not_required_unless_a_policy_says_so() -> None:
    rule = tokens(f"{{{ISSUER}}}")
    needed = policy("rules: [{from: [{source: {requestPrincipals: ['*']}}]}]")
    assert passes(rule)
    assert not passes(rule + needed)
    with_token = asked(headers=bearer(iss="i", sub="s"))
    assert passes(rule + needed, with_token)
    assert not passes(rule, asked(headers={"authorization": "Bearer nonsense"}))


def test_62_each_token_needs_one_issuer_and_a_wrong_one_anywhere_is_refused() -> None:
    second = f"issuer: j, jwks: '{KEYS}'"
    shared = tokens(f"{{{ISSUER}}}, {{{second}}}")
    for issuer, passed in (("i", True), ("j", True), ("k", False)):
        assert passes(shared, asked(headers=bearer(iss=issuer, sub="s"))) is passed
    wrong = {"x-j": "nonsense"}
    elsewhere = tokens(f"{{{ISSUER}}}, {{{second}, fromHeaders: [{{name: x-j}}]}}")
    assert not passes(elsewhere, asked(headers=wrong))
    two = tokens(f"{{{ISSUER}, fromHeaders: [{{name: x-i}}, {{name: x-j}}]}}")
    right = {"x-i": bearer(iss="i", sub="s")["authorization"].split()[1]}
    assert passes(two, asked(headers=right))
    assert not passes(two, asked(headers=right | wrong))


def test_64_tls_that_is_not_the_meshs_passes_a_permissive_workload_untouched() -> None:
    foreign = Tls("a.com", alpn=("http/1.1",))
    for text in ("", mutual("PERMISSIVE")):
        for port in (90, 7777):
            answer = arriving(text, port, foreign)
            assert not answer.problem
            assert not answer.route, "as bytes: nobody looks inside"
            assert answer.targets
    assert arriving(mutual("STRICT"), 90, foreign).problem


def test_65_a_port_without_a_service_still_has_the_mode_it_was_given() -> None:
    ported = mutual(
        "STRICT",
        "selector: {matchLabels: {app: web}}, portLevelMtls: {7777: {mode: DISABLE}}",
    )
    assert not arriving(ported, 7777).problem
    assert arriving(ported, 8888).problem
    assert arriving(ported, 80).problem


def test_65_the_port_is_the_workloads_and_not_the_services() -> None:
    target = service(
        "b",
        "70 http HTTP",
        more="resolution: STATIC, endpoints: [{address: 10.0.1.1, ports: {http: 7070}, labels: {app: web}}]",
    )

    def mode(port: int) -> str:
        return target + mutual(
            "STRICT",
            f"selector: {{matchLabels: {{app: web}}}}, portLevelMtls: {{{port}: {{mode: DISABLE}}}}",
        )

    assert not arriving(mode(7070), 7070).problem
    assert arriving(mode(70), 7070).problem


def test_67_what_the_root_namespace_says_is_added_everywhere() -> None:
    deny = "action: DENY, rules: [{to: [{operation: {paths: ['/%s']}}]}]"
    root = policy(deny % "root", "root", "istio-system")
    both = root + policy(deny % "own", "own")
    for path, passed in (("/root", False), ("/own", False), ("/else", True)):
        assert passes(both, asked(path)) is passed
    second = f"issuer: j, jwks: '{KEYS}'"
    rules = tokens(f"{{{ISSUER}}}", "root", "istio-system") + tokens(f"{{{second}}}")
    for issuer in "ij":
        assert passes(rules, asked(headers=bearer(iss=issuer, sub="s")))
    assert not passes(rules, asked(headers=bearer(iss="k", sub="s")))
    elsewhere = policy(deny % "other", "other", "other")
    assert passes(elsewhere, asked("/other"))
