"""Which Sidecar holds for a workload.

Source: pilot/pkg/model/push_context.go initSidecarScopes and getSidecarScope: one that
selects the workload, else its namespace's, else the root namespace's; the oldest each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot.model.service import selects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.sidecar import Sidecar


def sidecar(
    sidecars: Sequence[Resource[Sidecar]],
    *,
    root_namespace: str,
    namespace: str,
    labels: Mapping[str, str],
) -> Resource[Sidecar] | None:
    """Return the Sidecar for a workload, if any is.

    Args:
        sidecars: All of them, oldest first.
        root_namespace: Where the one for the whole mesh is.
        namespace: The workload's.
        labels: The workload's.

    """
    for_home = for_mesh = None
    for each in sidecars:
        home, selector = each.metadata.namespace, each.spec.workload_selector
        if home == namespace and selector and selector.labels:
            if selects(selector.labels, labels):
                return each
        elif home == namespace and for_home is None:
            for_home = each
        elif home == root_namespace and not selector and for_mesh is None:
            for_mesh = each
    return for_home or for_mesh
