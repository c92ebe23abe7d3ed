from __future__ import annotations

from typing import Any

import pytest

from meltemi.ctl.why.asking import asking


def policy(*rules: dict[str, Any], action: str = "") -> dict[str, Any]:
    spec: dict[str, Any] = {"rules": list(rules)}
    if action:
        spec["action"] = action
    return {"metadata": {"name": "users", "namespace": "shop"}, "spec": spec}


@pytest.mark.parametrize(
    "rule",
    [
        {"from": [{"source": {"requestPrincipals": ["*"]}}]},
        {"from": [{"source": {}}, {"source": {"notRequestPrincipals": ["*"]}}]},
        {"when": [{"key": "request.auth.claims[group]", "values": ["a"]}]},
    ],
)
def test_rules_on_the_callers_token_ask_for_one(rule: dict[str, Any]) -> None:
    other = {"to": [{"operation": {"paths": ["/"]}}], "when": [{"key": "source.ip"}]}
    found = asking([policy(other, rule)])
    assert found.rules == {("shop", "users", 1)}
    assert found.allows
    assert not asking([policy(rule, action="DENY")]).allows
    assert not asking([policy(other), policy()]).rules
