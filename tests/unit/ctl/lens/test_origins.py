from __future__ import annotations

from meltemi.ctl.lens.origins import origins
from meltemi.pilot.ir.resources import Resources
from meltemi.pilot.trace import Answer, Stage, Step

RULE = "ns[default]-policy[readers]-rule[1]"


def test_the_rule_that_decided_is_the_users_field() -> None:
    step = Step(Stage.POLICY, RULE, f"ALLOW {RULE}: any")
    (found,) = origins(Resources(), Answer(), step)
    assert found.subject == "AuthorizationPolicy/default/readers"
    assert found.path == "spec.rules[1]"


def test_a_refusal_names_every_rule_that_could_have_allowed_it() -> None:
    other = RULE.replace("[1]", "[2]")
    why = f"{RULE} lacks: a; {other} lacks: b"
    step = Step(Stage.POLICY, "envoy.filters.http.rbac", why)
    found = origins(Resources(), Answer(), step)
    assert [each.path for each in found] == ["spec.rules[1]", "spec.rules[2]"]
