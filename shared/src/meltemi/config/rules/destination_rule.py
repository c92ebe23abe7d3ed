"""What must hold for a DestinationRule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import (
    check_export_to,
    check_host,
    check_labels,
    check_unique,
    is_address,
)
from meltemi.config.rules.problem import problem
from meltemi.config.rules.traffic_policy import check_traffic_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.destination_rule import DestinationRule

SUBSET: Final = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9._]{0,61}[a-zA-Z0-9])?")


def check_destination_rule(spec: DestinationRule) -> Iterator[Finding]:
    """Yield what Istio's ValidateDestinationRule refuses."""
    if not is_address(spec.host):
        yield from check_host("spec.host", spec.host)
    if spec.traffic_policy is not None:
        yield from check_traffic_policy("spec.trafficPolicy", spec.traffic_policy)
    for index, subset in enumerate(spec.subsets):
        path = f"spec.subsets[{index}]"
        if not SUBSET.fullmatch(subset.name):
            hint = "use letters, digits and '-'"
            yield problem(f"{path}.name", f"{subset.name!r} is not a name", hint)
        yield from check_labels(f"{path}.labels", subset.labels)
        if subset.traffic_policy is not None:
            policy_path = f"{path}.trafficPolicy"
            yield from check_traffic_policy(policy_path, subset.traffic_policy)
    named = ((f"spec.subsets[{i}].name", s.name) for i, s in enumerate(spec.subsets))
    yield from check_unique(named, "subset")
    if spec.workload_selector is not None:
        labels = spec.workload_selector.match_labels
        yield from check_labels("spec.workloadSelector.matchLabels", labels)
    yield from check_export_to("spec.exportTo", spec.export_to)
