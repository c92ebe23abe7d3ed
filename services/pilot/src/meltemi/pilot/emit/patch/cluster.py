"""Changes to clusters.

Source: pilot/pkg/networking/core/envoyfilter/cluster_patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster

from meltemi.pilot.emit.patch.value import merge, read
from meltemi.pilot.ir.patch import Change, ClusterIs

if TYPE_CHECKING:
    from meltemi.pilot.ir.patch import Patch

PARTS: Final = 4
"""``DIRECTION|PORT|SUBSET|HOST``."""


def is_cluster(cluster: Cluster, wanted: ClusterIs) -> bool:
    """Tell whether ``cluster`` is one that ``wanted`` describes."""
    if wanted.name:
        return cluster.name == wanted.name
    if wanted == ClusterIs():
        return True
    parts = cluster.name.split("|")
    if len(parts) != PARTS:
        return False
    _, port, subset, host = parts
    return (
        (not wanted.subset or wanted.subset == subset)
        and (not wanted.service or wanted.service == host)
        and (not wanted.port or str(wanted.port) == port)
    )


def change_cluster(cluster: Cluster, patch: Patch) -> None:
    """Merge the value of ``patch`` into ``cluster``."""
    lists = patch.change is Change.MERGE_LISTS
    merge(cluster, read(patch, Cluster), lists=lists)


def new_cluster(patch: Patch) -> Cluster:
    """Return the cluster that ``patch`` adds."""
    return read(patch, Cluster)
