"""What must hold for a DestinationRule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.hosts import check_export_to, check_host, check_unique
from meltemi.config.rules.labels import (
    check_label_set,
    check_policy_selector,
    check_subset_name,
)
from meltemi.config.rules.problem import problem
from meltemi.config.rules.traffic_policy import check_traffic_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.destination_rule import DestinationRule


def check_destination_rule(
    spec: DestinationRule, metadata: Metadata
) -> Iterator[Finding]:
    """Yield what Istio's ValidateDestinationRule says."""
    namespace = metadata.namespace
    yield from check_host("spec.host", spec.host)
    if spec.traffic_policy is not None:
        yield from check_traffic_policy("spec.trafficPolicy", spec.traffic_policy)
    for index, subset in enumerate(spec.subsets):
        path = f"spec.subsets[{index}]"
        yield from check_subset_name(f"{path}.name", subset.name)
        yield from check_label_set(f"{path}.labels", subset.labels)
        if subset.traffic_policy is not None:
            policy_path = f"{path}.trafficPolicy"
            yield from check_traffic_policy(policy_path, subset.traffic_policy)
    named = ((f"spec.subsets[{i}].name", s.name) for i, s in enumerate(spec.subsets))
    yield from check_unique(named, "subset")
    yield from check_export_to("spec.exportTo", spec.export_to, namespace)
    if spec.workload_selector is not None:
        if any(scope not in (".", namespace) for scope in spec.export_to):
            message = "with a workloadSelector it holds in its own namespace only"
            yield problem("spec.exportTo", message, "write '.'")
        yield from check_policy_selector(
            "spec.workloadSelector", spec.workload_selector
        )
