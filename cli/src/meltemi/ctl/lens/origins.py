"""Which of the user's objects each decision of a proxy comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meltemi.pilot.ir import Origin
from meltemi.pilot.trace import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot import ir
    from meltemi.pilot.trace import Answer, Step

POLICY = re.compile(r"ns\[(.*?)\]-policy\[(.*?)\]-rule\[(\d+)\]")
"""How Istio names the rule of an AuthorizationPolicy in Envoy."""


def origins(made: ir.Resources, answer: Answer, step: Step) -> tuple[Origin, ...]:
    """Return what the user wrote that made ``step`` of ``answer`` what it is."""
    match step.stage:
        case Stage.LISTENER:
            found = [each.origins for each in _listeners(made, answer)]
        case Stage.CHAIN | Stage.HANDSHAKE:
            found = [each.origins for each in _chains(made, answer)]
        case Stage.ROUTE:
            found = [each.origins for each in _routes(made, answer)]
        case Stage.CLUSTER:
            names = {each.cluster for each in answer.targets}
            found = [each.origins for each in made.clusters if each.name in names]
        case Stage.POLICY:
            found = [_rules(step.name) or _rules(step.why)]
        case _:
            found = []
    return tuple(dict.fromkeys(each for several in found for each in several))


def _listeners(made: ir.Resources, answer: Answer) -> Iterator[ir.Listener]:
    yield from (each for each in made.listeners if each.name == answer.listener)


def _chains(made: ir.Resources, answer: Answer) -> Iterator[ir.FilterChain]:
    """Yield the chain; of several without a name nobody can tell which it was."""
    for listener in _listeners(made, answer):
        several = (*listener.chains, *((listener.default,) if listener.default else ()))
        found = [each for each in several if each.name == answer.chain]
        yield from found if len(found) == 1 else ()


def _routes(made: ir.Resources, answer: Answer) -> Iterator[ir.Route]:
    for table in made.routes:
        for host in table.hosts:
            if (table.name, host.name) == (answer.routes, answer.host):
                yield from host.routes[answer.rule : answer.rule + 1]


def _rules(text: str) -> tuple[Origin, ...]:
    """Return the rules that ``text`` names: of a refusal, those that did not match."""
    return tuple(
        Origin("AuthorizationPolicy", namespace, policy, f"spec.rules[{rule}]")
        for namespace, policy, rule in POLICY.findall(text)
    )
