"""What an RBAC filter decides.

Source: source/extensions/filters/common/rbac/engine_impl.cc: policies are tried in the
order of their names; ALLOW needs one that matches, DENY refuses by one, LOG notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.rbac.v3.rbac_pb2 import RBAC

from meltemi.pilot.trace.condition import permission_holds, principal_holds
from meltemi.pilot.trace.situation import NotModelledError

if TYPE_CHECKING:
    from envoy.config.rbac.v3.rbac_pb2 import Policy

    from meltemi.pilot.trace.situation import Situation


@dataclass(frozen=True, slots=True)
class Decision:
    """What rules say.

    Attributes:
        allowed: Whether the call passes.
        policy: The name of the policy that matched; empty when none does.
        why: What matched, or what each policy lacks.

    """

    allowed: bool
    policy: str
    why: str


def decide(rules: RBAC, now: Situation) -> Decision:
    """Return what ``rules`` say about a situation.

    Raises:
        NotModelledError: If they ask for what is not simulated.

    """
    action = RBAC.Action.Name(rules.action)
    lacking: list[str] = []
    for name in sorted(rules.policies):
        held, words = _matches(rules.policies[name], now)
        if held:
            allowed = rules.action != RBAC.DENY
            return Decision(allowed, name, f"{action} {name}: {words}")
        lacking.append(f"{name} lacks: {words}")
    allowed = rules.action != RBAC.ALLOW
    return Decision(allowed, "", "; ".join(lacking) or f"{action} has no policies")


def _matches(policy: Policy, now: Situation) -> tuple[bool, str]:
    if policy.HasField("condition") or policy.HasField("checked_condition"):
        raise NotModelledError("a policy asks for a CEL expression")
    words: list[str] = []
    for alternatives in (
        [permission_holds(each, now) for each in policy.permissions],
        [principal_holds(each, now) for each in policy.principals],
    ):
        found = next((said for held, said in alternatives if held), None)
        if found is None:
            return False, " or ".join(said for _, said in alternatives)
        words.append(found)
    return True, ", ".join(words)
