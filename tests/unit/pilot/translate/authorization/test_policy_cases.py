"""Adversarial cases 49 to 53: policies that could let somebody pass."""

from __future__ import annotations

import pytest

from meltemi.pilot.ir.external_check import CheckFilter, ExternalCheck
from meltemi.pilot.ir.rbac import AccessFilter
from meltemi.pilot.trace import Call, Http, Problem, Way, trace
from meltemi.pilot.translate.listener.chain_policies import http_chain
from meltemi.testkit.configuration import problems
from meltemi.testkit.policies import asked, held_by, judged, judged_bytes
from meltemi.testkit.small_mesh import HTTP, service, sidecar, the

KIND = "AuthorizationPolicy"
CHECK = ExternalCheck("outbound|9000||authz", "authz", 1)
MESH = service(
    "a",
    HTTP,
    more="resolution: STATIC, endpoints: [{address: 10.0.1.1, labels: {app: web}}]",
)


def policy(rules: str, action: str = "ALLOW", name: str = "p") -> str:
    return the(KIND, name, f"action: {action}, rules: {rules}")


def passes(text: str, call: Call) -> bool:
    answer = judged(held_by(text), call)
    assert answer.problem in (None, Problem.DENIED)
    return answer.problem is None


def test_case_49_no_rules_allow_nothing_and_a_rule_without_terms_everything() -> None:
    assert not passes(policy("[]"), asked())
    assert passes(policy("[{}]"), asked())
    assert not passes(policy("[{}]", "DENY"), asked())


@pytest.mark.parametrize(
    "spec",
    [
        "action: DENY",
        "action: DENY\nrules: []",
        "rules: [null]",
        "rules: [{from: [{source: {}}]}]",
        "rules: [{from: [{}]}]",
        "rules: [{when: [{key: request.colour, values: [red]}]}]",
        "rules: [{when: [{key: '', values: [a]}]}]",
    ],
)
def test_case_49_what_has_no_meaning_is_refused(spec: str) -> None:
    assert problems(KIND, spec)


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_case_49_on_a_byte_stream_a_request_term_never_opens_anything(
    action: str,
) -> None:
    rules = "[{to: [{operation: {ports: ['80'], methods: [GET]}}]}]"
    answer = judged_bytes(held_by(policy(rules, action)), asked())
    assert answer.problem is Problem.DENIED


ID = "spiffe://cluster.local/ns/{}/sa/{}"


@pytest.mark.parametrize(
    ("source", "fits", "impostors"),
    [
        ("principals: ['a.b*']", "spiffe://a.b/ns/x/sa/y", ("spiffe://aXb/ns/x/sa/y",)),
        ("principals: ['*[x']", "", (ID.format("x", "x"), ID.format("x", "y"))),
        ("principals: ['**']", "", (ID.format("x", "y"),)),
        (
            "principals: ['cluster.local/ns/a/sa/b/../c']",
            "",
            (ID.format("a", "c"), ID.format("a", "b")),
        ),
        ("namespaces: ['a.*']", ID.format("a.b", "y"), (ID.format("ab", "y"),)),
        ("serviceAccounts: ['x/a|b']", "", (ID.format("x", "a"), ID.format("x", "b"))),
    ],
)
def test_case_50_what_means_something_in_a_pattern_is_taken_as_it_stands(
    source: str, fits: str, impostors: tuple[str, ...]
) -> None:
    text = policy(f"[{{from: [{{source: {{{source}}}}}]}}]")
    assert not fits or passes(text, asked(by=fits))
    for each in impostors:
        assert not passes(text, asked(by=each)), each


ADMIN = (
    "/admin",
    "/admin%2f..",
    "//admin",
    "/ADMIN",
    "/admin;x",
    "/./admin",
    "/%61dmin",
)
LITERAL = {"/admin", "/admin%2f..", "/admin;x"}
"""What begins with /admin as it is sent."""
BASE = LITERAL | {"/./admin", "/%61dmin"}
DENIED = {
    "NONE": LITERAL,
    "BASE": BASE,
    "MERGE_SLASHES": BASE | {"//admin"},
    "DECODE_AND_MERGE_SLASHES": BASE - {"/admin%2f.."} | {"//admin"},
}
"""Istio's modes: what a denial of /admin* meets. Decoded, /admin/.. is the root."""


@pytest.mark.parametrize("mode", DENIED)
def test_case_51_a_denial_meets_what_the_mode_makes_of_a_path(mode: str) -> None:
    deny = policy("[{to: [{operation: {paths: ['/admin*']}}]}]", "DENY")
    mesh = the(
        "MeshConfig",
        "default",
        f"pathNormalization: {{normalization: {mode}}}",
        "istio-system",
    )
    held = sidecar(MESH + deny + mesh, address="10.0.1.1", labels={"app": "web"})
    denied = {
        path
        for path in ADMIN
        if trace(held, Call("10.0.1.1", 80, Way.INBOUND, http=Http("a", path))).problem
        is Problem.DENIED
    }
    assert denied == DENIED[mode]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("{**}/x/{*}", "nothing may follow {**}"),
        ("/{x}", "'{x}' is not a template"),
        ("/{*}.{ext}", "is not a template"),
        ("/{*}/\u00e9", "may not stand beside a template"),
    ],
)
def test_case_52_a_template_that_envoy_lacks_is_refused(path: str, told: str) -> None:
    found = problems(KIND, f"rules: [{{to: [{{operation: {{paths: ['{path}']}}}}]}}]")
    assert any(told in each for each in found), found


def custom(provider: str, path: str = "/a", name: str = "p") -> str:
    return policy(
        f"[{{to: [{{operation: {{paths: ['{path}']}}}}]}}]",
        f"CUSTOM, provider: {{name: {provider}}}",
        name,
    )


def test_case_53_a_provider_that_is_missing_or_not_the_only_one_denies() -> None:
    assert judged(held_by(custom("a")), asked("/a")).problem is Problem.DENIED
    two = custom("a") + custom("a-b", "/b", "q")
    held = held_by(two, checks={"a": CHECK, "a-b": CHECK})
    for path in ("/a", "/b"):
        answer = judged(held, asked(path))
        assert answer.problem is Problem.DENIED
        (denial,) = (each.policy for each in answer.verdicts if not each.allowed)
        assert denial.endswith("-deny-due-to-bad-CUSTOM-action")


def test_case_53_a_name_that_begins_another_is_not_the_other() -> None:
    checks = {"a-b": CHECK}
    assert judged(held_by(custom("a"), checks=checks), asked("/a")).problem
    shadow, check = http_chain(held_by(custom("a-b"), checks=checks)).custom
    assert isinstance(shadow, AccessFilter)
    assert isinstance(check, CheckFilter)
    assert shadow.shadow
    (grant,) = shadow.shadow.grants
    assert grant.name.startswith(f"{check.matched_prefix}-ns[")
