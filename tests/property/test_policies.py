"""T23: what generated policies let pass is what a reading of their words lets pass.

The reader below knows nothing of Envoy. It is as plain as the API's documentation:
a value is exact, begins or ends in a star, or is one; lists are "any of", fields of one
source or operation "all of"; CUSTOM without a provider, and DENY, come before ALLOW.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from meltemi.config.decode import decode
from meltemi.pilot.trace import Problem
from meltemi.testkit.policies import asked, held_by, judged
from meltemi.testkit.small_mesh import the

SEEDS, ALL_SEEDS = 20, 1_000
POLICIES = 10
"""Of each seed."""

CALLERS = ("shop/james", "shop/jim", "bank/jim")
PATHS = ("/a", "/a/b", "/b", "/b.txt")
METHODS = ("GET", "POST")
HOSTS = ("web", "web.example")

VALUES: dict[str, tuple[str, ...]] = {
    "principals": (
        "cluster.local/ns/shop/sa/james",
        "*/sa/jim",
        "cluster.local/ns/shop/*",
        "*",
    ),
    "namespaces": ("shop", "ba*"),
    "serviceAccounts": ("shop/james", "bank/jim"),
    "paths": ("/a", "/a*", "*.txt", "*"),
    "methods": METHODS,
    "hosts": ("web", "*.example"),
}
SOURCE, OPERATION = ("principals", "namespaces"), ("paths", "methods", "hosts")
Spec = dict[str, Any]


def fits(pattern: str, value: str) -> bool:
    if pattern == "*":
        return value != ""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern


def holds(terms: Spec, facts: dict[str, str]) -> bool:
    for name, patterns in terms.items():
        bare = name.removeprefix("not").lower() if name.startswith("not") else name
        known = next(each for each in VALUES if each.lower() == bare.lower())
        found = any(fits(each, facts[known]) for each in patterns)
        if found == name.startswith("not"):
            return False
    return True


def matches(spec: Spec, facts: dict[str, str]) -> bool:
    return any(
        all(
            not rule.get(side) or any(holds(each[inner], facts) for each in rule[side])
            for side, inner in (("from", "source"), ("to", "operation"))
        )
        for rule in spec["rules"]
    )


def expected(specs: list[Spec], facts: dict[str, str]) -> bool:
    denying = [each for each in specs if each["action"] in ("DENY", "CUSTOM")]
    if any(matches(each, facts) for each in denying):
        return False
    allowing = [each for each in specs if each["action"] == "ALLOW"]
    return not allowing or any(matches(each, facts) for each in allowing)


def terms(rng: Random, fields: tuple[str, ...]) -> Spec:
    made: Spec = {}
    for name in rng.sample(fields, rng.randint(1, len(fields))):
        said = name if rng.random() < 0.7 else f"not{name[0].upper()}{name[1:]}"
        made[said] = rng.sample(VALUES[name], rng.randint(1, 2))
    return made


def rule(rng: Random, *, custom: bool) -> Spec:
    made: Spec = {}
    if rng.random() < 0.6 and not custom:
        fields = SOURCE if rng.random() < 0.7 else ("serviceAccounts",)
        made["from"] = [
            {"source": terms(rng, fields)} for _ in range(rng.randint(1, 2))
        ]
    if rng.random() < 0.6 or custom:
        made["to"] = [
            {"operation": terms(rng, OPERATION)} for _ in range(rng.randint(1, 2))
        ]
    return made


def policy(rng: Random) -> Spec:
    action = rng.choice(("ALLOW", "ALLOW", "DENY", "CUSTOM"))
    custom = action == "CUSTOM"
    least = 0 if action == "ALLOW" else 1
    made: Spec = {
        "action": action,
        "rules": [rule(rng, custom=custom) for _ in range(rng.randint(least, 2))],
    }
    return made | ({"provider": {"name": "nobody"}} if custom else {})


def written(specs: list[Spec]) -> str:
    return "".join(
        the(
            "AuthorizationPolicy",
            f"p{number}",
            ", ".join(f"{name}: {value!r}" for name, value in spec.items()),
        )
        for number, spec in enumerate(specs)
    )


def check(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - a sample
    for _ in range(POLICIES // 2):
        specs = [policy(rng) for _ in range(rng.randint(1, 3))]
        text = written(specs)
        decode(text.encode(), file="f", default_namespace="default")
        held = held_by(text)
        for caller in CALLERS:
            namespace, account = caller.split("/")
            identity = f"cluster.local/ns/{namespace}/sa/{account}"
            for path in PATHS:
                method, host = rng.choice(METHODS), rng.choice(HOSTS)
                facts = {
                    "principals": identity,
                    "namespaces": namespace,
                    "serviceAccounts": caller,
                    "paths": path,
                    "methods": method,
                    "hosts": host,
                }
                call = asked(path, method, by=f"spiffe://{identity}", host=host)
                answer = judged(held, call)
                passes = answer.problem is not Problem.DENIED
                assert passes == expected(specs, facts), (text, facts)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_t23_generated_policies_mean_what_they_say(seed: int) -> None:
    check(seed)


@pytest.mark.full
def test_t23_ten_thousand_generated_policies_mean_what_they_say() -> None:
    for seed in range(ALL_SEEDS):
        check(seed)
