"""DestinationRules, merged where they are for one host, and found by host.

Source: pilot/pkg/model/push_context.go setDestinationRules and destination_rule.go
mergeDestinationRule.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from meltemi.pilot.model.host import resolve
from meltemi.pilot.model.visibility import EVERYONE, HOME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.pilot.model.mesh_config import MeshConfig

    Rule = Resource[DestinationRule]


@dataclass(frozen=True, slots=True)
class Merged:
    """Rules for one host that became one: the oldest one's, with the others' subsets.

    Attributes:
        rule: What holds.
        export_to: The namespaces it holds for; empty: all.
        sources: The rules it was made from, oldest first.

    """

    rule: Rule
    export_to: frozenset[str]
    sources: tuple[Rule, ...]

    @property
    def selector(self) -> Mapping[str, str] | None:
        """Labels of the only callers it is for; None: for all."""
        selector = self.rule.spec.workload_selector
        return selector.match_labels if selector else None


@dataclass(frozen=True, slots=True)
class ByHost:
    """Rules of one namespace by the host they name."""

    exact: dict[str, tuple[Merged, ...]] = field(
        default_factory=dict[str, tuple[Merged, ...]]
    )
    wildcard: dict[str, tuple[Merged, ...]] = field(
        default_factory=dict[str, tuple[Merged, ...]]
    )

    def most_specific(self, host: str) -> tuple[Merged, ...]:
        """Return the rules for the narrowest host that covers ``host``."""
        exact = self.exact.get(host)
        if exact is not None:
            return exact
        covering = [
            pattern
            for pattern in self.wildcard
            if host.removeprefix("*").endswith(pattern[1:])
        ]
        return self.wildcard[max(covering, key=len)] if covering else ()


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, by namespace.

    Attributes:
        local: Those that hold for callers of their own namespace.
        exported: Those that hold for callers of others.
        root_only: Those of the root namespace that hold nowhere else.
        callers: The namespaces to whose callers other rules may hold than to the rest.

    """

    local: Mapping[str, ByHost]
    exported: Mapping[str, ByHost]
    root_only: ByHost
    callers: frozenset[str]


def arranged_rules(rules: Sequence[Rule], config: MeshConfig) -> Rules:
    """Return ``rules``, oldest first, merged and by namespace."""
    local: dict[str, ByHost] = {}
    exported: dict[str, ByHost] = {}
    root_only = ByHost()
    default = config.document.default_destination_rule_export_to
    for rule in rules:
        home = rule.metadata.namespace
        export_to = _exports(rule)
        if not export_to or export_to & {EVERYONE, HOME, home}:
            _add(local.setdefault(home, ByHost()), rule, export_to, config)
        if (not export_to and HOME in default) or export_to in ({HOME}, {home}):
            if home == config.root_namespace:
                _add(root_only, rule, export_to, config)
        else:
            _add(exported.setdefault(home, ByHost()), rule, export_to, config)
    named = {name for rule in rules for name in _exports(rule)}
    callers = frozenset((*local, *named, config.root_namespace))
    return Rules(local, exported, root_only, callers)


def _exports(rule: Rule) -> frozenset[str]:
    """Return who a rule holds for: one that selects workloads stays at home."""
    if rule.spec.workload_selector:
        return frozenset({HOME})
    return frozenset(rule.spec.export_to)


def _add(
    hosts: ByHost, rule: Rule, export_to: frozenset[str], config: MeshConfig
) -> None:
    host = resolve(rule.spec.host, rule.metadata.namespace, config.domain_suffix)
    found = hosts.wildcard if host.startswith("*") else hosts.exact
    new = Merged(rule, export_to, (rule,))
    held = found.get(host, ())
    for place, each in enumerate(held):
        if each.export_to == export_to and each.selector == new.selector:
            joined = _joined(each, rule)
            found[host] = (*held[:place], joined, *held[place + 1 :])
            return
    found[host] = (*held, new)


def _joined(held: Merged, rule: Rule) -> Merged:
    """Return ``held`` with the subsets of ``rule``; its own words stand."""
    names = {subset.name for subset in held.rule.spec.subsets}
    more = tuple(each for each in rule.spec.subsets if each.name not in names)
    spec = msgspec.structs.replace(
        held.rule.spec,
        subsets=held.rule.spec.subsets + more,
        traffic_policy=held.rule.spec.traffic_policy or rule.spec.traffic_policy,
    )
    whole = msgspec.structs.replace(held.rule, spec=spec)
    return Merged(whole, held.export_to, (*held.sources, rule))
