"""Which rules of AuthorizationPolicies ask for the caller's token. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CLAIMS: Final = "request.auth."
"""What conditions on a token's content begin with (Istio's security.istio.io/v1)."""
SOURCES: Final = ("requestPrincipals", "notRequestPrincipals")

Rule = tuple[str, str, int]
"""Namespace and name of a policy, and which of its rules, from 0."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What policies want of tokens.

    Attributes:
        rules: Those that ask for one, whatever they do then.
        allows: Whether there is one among them that lets callers in.

    """

    rules: frozenset[Rule] = frozenset()
    allows: bool = False


def asking(policies: Iterable[Mapping[str, Any]]) -> Asking:
    """Return which rules of ``policies``, as the API has them, ask for tokens."""
    found: set[Rule] = set()
    allows = False
    for policy in policies:
        spec, metadata = policy.get("spec") or {}, policy["metadata"]
        place = metadata.get("namespace", "default"), metadata["name"]
        for number, rule in enumerate(spec.get("rules") or ()):
            if any(_wants(rule)):
                found.add((*place, number))
                allows = allows or spec.get("action", "ALLOW") == "ALLOW"
    return Asking(frozenset(found), allows)


def _wants(rule: Mapping[str, Any]) -> Iterator[bool]:
    for each in rule.get("from") or ():
        source = each.get("source") or {}
        yield any(name in source for name in SOURCES)
    for each in rule.get("when") or ():
        yield str(each.get("key", "")).startswith(CLAIMS)
