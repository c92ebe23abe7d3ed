"""Which DestinationRule holds for a service, seen from one namespace.

Source: pilot/pkg/model/push_context.go destinationRule: the caller's namespace, then
the service's, then the root; the first with a matching host wins and rules of two
namespaces are never merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.pilot.model.host import covers, resolve, specificity
from meltemi.pilot.model.service import Service, selects
from meltemi.pilot.scope.visibility import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.pilot.model.mesh import MeshConfig

    Rule = Resource[DestinationRule]


def destination_rule(
    rules: Sequence[Rule],
    service: Service,
    *,
    config: MeshConfig,
    namespace: str,
    labels: Mapping[str, str],
) -> Rule | None:
    """Return the rule for traffic from a workload to ``service``, merged.

    Args:
        rules: All of them, oldest first.
        service: Where the traffic goes.
        config: For the root namespace and the domain of short names.
        namespace: The caller's.
        labels: The caller's, which a rule's workloadSelector must match.

    """
    candidates = [rule for rule in rules if _concerns(rule, service, config, labels)]
    for home in _homes(namespace, service.namespace, config.root_namespace):
        local = [
            rule
            for rule in candidates
            if rule.metadata.namespace == home
            and (home == namespace or visible(_exports(rule), home, namespace))
        ]
        if local:
            return _most_specific(local, config)
    return None


def _homes(caller: str, service: str, root: str) -> Iterator[str]:
    """Yield the namespaces to look into; the root does not override services."""
    yield from dict.fromkeys(
        (caller, service, root) if caller != root else (service, root)
    )


def _exports(rule: Rule) -> tuple[str, ...]:
    """Return who sees the rule: one that selects workloads stays at home."""
    return (".",) if rule.spec.workload_selector else rule.spec.export_to


def _concerns(
    rule: Rule, service: Service, config: MeshConfig, labels: Mapping[str, str]
) -> bool:
    selector = rule.spec.workload_selector
    if selector and not selects(selector.match_labels, labels):
        return False
    return covers(_host(rule, config), service.host)


def _host(rule: Rule, config: MeshConfig) -> str:
    return resolve(rule.spec.host, rule.metadata.namespace, config.domain_suffix)


def _most_specific(rules: Sequence[Rule], config: MeshConfig) -> Rule:
    """Return the rule with the narrowest host, merged with its equals.

    A rule for selected workloads stands before one for all. Of rules with the same
    host, subsets are joined and the first traffic policy is taken.
    """
    best = max(rules, key=lambda rule: specificity(_host(rule, config)))
    equals = [rule for rule in rules if _host(rule, config) == _host(best, config)]
    selecting = [rule for rule in equals if rule.spec.workload_selector]
    first, *rest = selecting or equals
    for other in rest:
        first = _merged(first, other)
    return first


def _merged(rule: Rule, other: Rule) -> Rule:
    names = {subset.name for subset in rule.spec.subsets}
    more = tuple(each for each in other.spec.subsets if each.name not in names)
    spec = msgspec.structs.replace(
        rule.spec,
        subsets=rule.spec.subsets + more,
        traffic_policy=rule.spec.traffic_policy or other.spec.traffic_policy,
    )
    return msgspec.structs.replace(rule, spec=spec)
