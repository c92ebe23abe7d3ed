"""Which Telemetry objects hold for a workload.

Source: pilot/pkg/model/telemetry.go applicableTelemetries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.service import selects
from meltemi.pilot.scope.policies import GATEWAY, GATEWAY_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.telemetry import Telemetry


def telemetries(
    every: Iterable[Resource[Telemetry]],
    *,
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
) -> tuple[Resource[Telemetry], ...]:
    """Return the mesh's, the namespace's and the workload's Telemetry, in that order.

    Args:
        every: All of them, oldest first: the oldest holds at each level.
        root_namespace: Where the mesh's is.
        namespace: The workload's.
        labels: The workload's.

    """
    found: dict[int, Resource[Telemetry]] = {}
    for each in every:
        home, spec = each.metadata.namespace, each.spec
        if _narrow(spec):
            if home == namespace and _chosen(spec, labels):
                found.setdefault(2, each)
        elif home == root_namespace:
            found.setdefault(0, each)
        elif home == namespace:
            found.setdefault(1, each)
    return tuple(found[level] for level in sorted(found))


def _narrow(spec: Telemetry) -> bool:
    selected = spec.selector.match_labels if spec.selector else {}
    return bool(selected or spec.target_refs or spec.target_ref)


def _chosen(spec: Telemetry, labels: Mapping[str, str]) -> bool:
    targets = spec.target_refs or ((spec.target_ref,) if spec.target_ref else ())
    if targets:
        wanted = (*GATEWAY, labels.get(GATEWAY_LABEL))
        return wanted in {(each.group, each.kind, each.name) for each in targets}
    return bool(spec.selector and selects(spec.selector.match_labels, labels))
