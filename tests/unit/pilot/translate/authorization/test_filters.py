from __future__ import annotations

from dataclasses import replace

import pytest

from meltemi.pilot.ir.external_check import CheckFilter, ExternalCheck, HttpCheck
from meltemi.pilot.ir.rbac import AccessFilter
from meltemi.pilot.trace import Call, Problem
from meltemi.pilot.translate.listener.chain_policies import http_chain, tcp_chain
from meltemi.testkit.policies import (
    KEYS,
    asked,
    bearer,
    held_by,
    judged,
    judged_bytes,
)

PEER = "spiffe://cluster.local/ns/{}/sa/{}"
CHECK = ExternalCheck("outbound|9000||authz", "authz", 1)
TOKENS = f"""
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: tokens}}
spec: {{jwtRules: [{{issuer: https://id.example, jwks: '{KEYS}'}}]}}
"""


def policy(rules: str, action: str = "ALLOW", name: str = "p", extra: str = "") -> str:
    return f"""
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}{extra}}}
spec: {{action: {action}, rules: {rules}}}
"""


def passes(text: str, call: Call) -> bool:
    answer = judged(held_by(text), call)
    assert answer.problem in (None, Problem.DENIED)
    return answer.problem is None


def token(**claims: object) -> Call:
    return asked(headers=bearer(iss="https://id.example", **claims))


@pytest.mark.parametrize(
    ("source", "fits", "not_"),
    [
        ("principals: [cluster.local/ns/shop/sa/james]", PEER.format("shop", "james"), PEER.format("shop", "jim")),
        ("principals: ['*/sa/james']", PEER.format("shop", "james"), PEER.format("shop", "jim")),
        ("principals: ['cluster.local/ns/shop/*']", PEER.format("shop", "jim"), PEER.format("bank", "jim")),
        ("principals: ['*']", PEER.format("shop", "jim"), ""),
        ("notPrincipals: [cluster.local/ns/shop/sa/james]", PEER.format("shop", "jim"), PEER.format("shop", "james")),
        ("namespaces: [shop]", PEER.format("shop", "x"), PEER.format("workshop", "x")),
        ("namespaces: ['sh*']", PEER.format("shop", "x"), PEER.format("bank", "x")),
        ("notNamespaces: [bank]", PEER.format("shop", "x"), PEER.format("bank", "x")),
        ("serviceAccounts: [shop/a.b]", PEER.format("shop", "a.b"), PEER.format("shop", "acb")),
        ("serviceAccounts: [james]", PEER.format("default", "james"), PEER.format("shop", "james")),
        ("notServiceAccounts: [shop/jim]", PEER.format("shop", "james"), PEER.format("shop", "jim")),
        ("trustDomains: [cluster.local]", PEER.format("shop", "x"), "spiffe://other/ns/shop/sa/x"),
        ("trustDomains: ['*.local']", PEER.format("shop", "x"), "spiffe://other/ns/local/sa/x"),
        ("trustDomains: ['*']", PEER.format("shop", "x"), ""),
    ],
)  # fmt: skip
def test_callers_are_told_apart_by_their_certificate(
    source: str, fits: str, not_: str
) -> None:
    text = policy(f"[{{from: [{{source: {{{source}}}}}]}}]")
    assert passes(text, asked(by=fits))
    assert not passes(text, asked(by=not_))


@pytest.mark.parametrize(
    ("source", "fits"),
    [
        ("ipBlocks: [10.7.0.0/16]", True),
        ("ipBlocks: [10.8.0.1]", False),
        ("notIpBlocks: [10.7.0.1]", False),
        ("remoteIpBlocks: [192.0.2.0/24]", True),
        ("remoteIpBlocks: [10.7.0.1]", False),
        ("notRemoteIpBlocks: [192.0.2.1]", False),
        ("ipBlocks: ['fd00::/8']", False),
    ],
)
def test_callers_are_told_apart_by_their_address(source: str, *, fits: bool) -> None:
    text = policy(f"[{{from: [{{source: {{{source}}}}}]}}]")
    assert passes(text, asked(headers={"x-forwarded-for": "192.0.2.1"})) is fits


@pytest.mark.parametrize(
    ("operation", "fits", "not_"),
    [
        ("methods: [GET]", asked(), asked(method="POST")),
        ("methods: ['P*']", asked(method="POST"), asked()),
        ("notMethods: [POST]", asked(), asked(method="POST")),
        ("paths: [/a]", asked("/a?q=1"), asked("/a/b")),
        ("paths: ['/a/*']", asked("/a/b/c"), asked("/ab")),
        ("paths: ['*.txt']", asked("/a.txt"), asked("/a.html")),
        ("paths: ['/a/{*}/c']", asked("/a/b/c"), asked("/a/b/b/c")),
        ("paths: ['/a/{**}']", asked("/a/b/c"), asked("/b")),
        ("notPaths: ['/admin*']", asked("/a"), asked("/admin")),
        ("hosts: [web.example]", asked(host="WEB.example"), asked(host="web")),
        ("hosts: ['*.example']", asked(host="a.example"), asked(host="example")),
        ("hosts: ['web*']", asked(host="web:80"), asked(host="a")),
        ("notHosts: [web]", asked(host="a"), asked(host="web")),
        ("ports: ['80']", asked(), replace(asked(), port=81)),
    ],
)
def test_operations_are_told_apart(operation: str, fits: Call, not_: Call) -> None:
    text = policy(f"[{{to: [{{operation: {{{operation}}}}}]}}]")
    assert passes(text, fits)
    assert judged(held_by(text), not_).problem in (Problem.DENIED, Problem.NO_LISTENER)


@pytest.mark.parametrize(
    ("condition", "fits", "not_"),
    [
        ("key: 'request.headers[x-id]', values: [a]", asked(headers={"X-Id": "a"}), asked()),
        ("key: 'request.headers[x-id]', values: ['*']", asked(headers={"x-id": ""}), asked()),
        ("key: 'request.headers[x-id]', notValues: [a]", asked(), asked(headers={"x-id": "a"})),
        ("key: source.ip, values: [10.7.0.1]", asked(), replace(asked(), source="10.7.0.2")),
        ("key: remote.ip, values: [10.7.0.1]", asked(), asked(headers={"x-forwarded-for": "9.9.9.9"})),
        ("key: source.namespace, values: [shop]", asked(), asked(by=PEER.format("bank", "x"))),
        ("key: source.serviceAccount, values: [shop/james]", asked(), asked(by=PEER.format("shop", "x"))),
        ("key: source.trustDomain, values: [cluster.local]", asked(), asked(by="spiffe://x/ns/a/sa/b")),
        ("key: source.principal, values: ['*/sa/james']", asked(), asked(by=PEER.format("shop", "x"))),
        ("key: destination.ip, values: [10.0.0.0/8]", asked(), None),
        ("key: destination.port, values: ['80']", asked(), None),
        ("key: connection.sni, values: [web.example]", asked(), asked(by="")),
        ("key: request.auth.principal, values: ['https://id.example/sub']", token(sub="sub"), token(sub="x")),
        ("key: request.auth.principal, values: ['https://id.example/*']", token(sub="any"), asked()),
        ("key: request.auth.principal, values: ['*/sub']", token(sub="sub"), token(sub="x")),
        ("key: request.auth.principal, values: ['*']", token(sub="x"), asked()),
        ("key: request.auth.audiences, values: [a]", token(sub="x", aud=["b", "a"]), token(sub="x", aud="b")),
        ("key: request.auth.presenter, values: [a]", token(azp="a"), token(azp="b")),
        ("key: 'request.auth.claims[groups]', values: [a]", token(groups=["a"]), token(groups=["b"])),
        ("key: 'request.auth.claims[scope]', values: [read]", token(scope="write read"), token(scope="reader")),
        ("key: 'request.auth.claims[a][b]', values: ['x*']", token(a={"b": "xy"}), token(a={"c": "xy"})),
        ("key: 'request.auth.claims[admin]', notValues: ['yes']", token(), token(admin="yes")),
    ],
)  # fmt: skip
def test_conditions_are_told_apart(
    condition: str, fits: Call, not_: Call | None
) -> None:
    text = TOKENS + policy(f"[{{when: [{{{condition}}}]}}]")
    assert passes(text, fits)
    assert not_ is None or not passes(text, not_)


def test_sources_operations_and_conditions_must_hold_together() -> None:
    text = policy(
        "[{from: [{source: {namespaces: [shop]}}, {source: {namespaces: [bank]}}],"
        " to: [{operation: {methods: [GET], paths: [/a]}}, {operation: {paths: [/b]}}],"
        " when: [{key: 'request.headers[x]', values: ['1']}]}]"
    )
    one = {"x": "1"}
    assert passes(text, asked("/a", headers=one))
    assert passes(text, asked("/b", "POST", by=PEER.format("bank", "x"), headers=one))
    assert not passes(text, asked("/a", "POST", headers=one))
    assert not passes(text, asked("/a", by=PEER.format("other", "x"), headers=one))
    assert not passes(text, asked("/a"))


def test_without_policies_everything_passes_and_allow_without_rules_lets_nothing() -> (
    None
):
    assert passes("", asked())
    assert not passes(policy("[]"), asked())
    assert passes(policy("[{}]"), asked())


def test_deny_overrules_allow_and_audit_refuses_nothing() -> None:
    allow = policy("[{}]", name="allow")
    deny = policy("[{to: [{operation: {paths: [/a]}}]}]", "DENY", "deny")
    audit = policy("[{}]", "AUDIT", "audit")
    assert not passes(allow + deny, asked("/a"))
    assert passes(allow + deny, asked("/b"))
    assert passes(audit, asked("/b"))


def test_the_verdict_names_the_policy_and_the_rule() -> None:
    text = policy(
        "[{to: [{operation: {paths: [/x]}}]}, {to: [{operation: {paths: [/a]}}]}]",
        "DENY",
        "deny",
    )
    (verdict,) = judged(held_by(text), asked("/a")).verdicts
    assert verdict.policy == "ns[default]-policy[deny]-rule[1]"
    assert verdict.why == (
        "DENY ns[default]-policy[deny]-rule[1]: path is '/a' (it is '/a'), any caller"
    )


def test_what_no_rule_allows_is_told_with_what_each_lacks() -> None:
    text = policy("[{from: [{source: {namespaces: [bank]}}]}]")
    (verdict,) = judged(held_by(text), asked()).verdicts
    assert not verdict.allowed
    assert verdict.why.startswith(
        "ns[default]-policy[p]-rule[0] lacks: caller is of the pattern '.*/ns/bank/.*'"
    )


def test_a_dry_run_is_noted_and_not_enforced() -> None:
    dry = ", annotations: {istio.io/dry-run: 'true'}"
    assert passes(policy("[{}]", "DENY", extra=dry), asked())
    (made,) = http_chain(held_by(policy("[{}]", "DENY", extra=dry))).access
    assert made.rules is None
    assert made.shadow_prefix == "istio_dry_run_deny_"


def test_principals_count_in_every_trust_domain_of_the_mesh() -> None:
    text = policy(
        "[{from: [{source: {principals: [cluster.local/ns/shop/sa/james]}}]}]"
    )
    mesh = held_by(text, domains=("new", "old"))
    for domain, problem in (("old", None), ("new", None), ("other", Problem.DENIED)):
        peer = f"spiffe://{domain}/ns/shop/sa/james"
        assert judged(mesh, asked(by=peer)).problem is problem


BYTES = replace(asked(), http=None)


def test_on_connections_allow_leaves_out_rules_that_only_requests_meet() -> None:
    both = policy("[{to: [{operation: {ports: ['80'], methods: [GET]}}]}]")
    assert judged_bytes(held_by(both), BYTES).problem is Problem.DENIED
    port = policy("[{to: [{operation: {ports: ['80']}}]}]")
    assert judged_bytes(held_by(port), BYTES).problem is None


def test_on_connections_deny_leaves_out_what_only_requests_have_and_refuses_more() -> (
    None
):
    both = policy("[{to: [{operation: {ports: ['80'], methods: [GET]}}]}]", "DENY")
    assert judged_bytes(held_by(both), BYTES).problem is Problem.DENIED
    other = policy("[{to: [{operation: {ports: ['81'], methods: [GET]}}]}]", "DENY")
    assert judged_bytes(held_by(other), BYTES).problem is None


def custom(provider: str = "authz", path: str = "/a", name: str = "p") -> str:
    rules = f"[{{to: [{{operation: {{paths: [{path}]}}}}]}}]"
    return policy(rules, f"CUSTOM, provider: {{name: {provider}}}", name)


def test_custom_asks_a_service_about_what_matches_only() -> None:
    mesh = held_by(custom(), checks={"authz": CHECK})
    (verdict,) = judged(mesh, asked("/a")).verdicts
    assert (verdict.allowed, verdict.sure) == (True, False)
    assert verdict.policy.endswith("-ns[default]-policy[p]-rule[0]")
    assert judged(mesh, asked("/b")).verdicts == ()


def test_custom_by_a_provider_nobody_knows_refuses_what_matches() -> None:
    mesh = held_by(custom())
    answer = judged(mesh, asked("/a"))
    assert answer.problem is Problem.DENIED
    assert answer.verdicts[0].policy == (
        "istio-ext-authz-authz-ns[default]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action"
    )
    assert judged(mesh, asked("/b")).problem is None


def test_several_providers_for_one_workload_refuse_what_matches_any() -> None:
    text = custom() + custom("other", "/b", "q")
    mesh = held_by(text, checks={"authz": CHECK, "other": CHECK})
    assert judged(mesh, asked("/a")).problem is Problem.DENIED
    assert judged(mesh, asked("/b")).problem is Problem.DENIED


def test_a_provider_that_speaks_http_is_not_asked_about_connections() -> None:
    over_http = replace(CHECK, http=HttpCheck())
    assert tcp_chain(held_by(custom(), checks={"authz": over_http})).custom == ()
    shadow, check = tcp_chain(held_by(custom(), checks={"authz": CHECK})).custom
    assert isinstance(shadow, AccessFilter)
    assert isinstance(check, CheckFilter)
