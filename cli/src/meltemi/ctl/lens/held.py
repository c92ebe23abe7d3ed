"""What one proxy holds: before it is Envoy's, and in Envoy's messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration

from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import Snapshot, snapshot
from meltemi.pilot.trace import Resources, resources
from meltemi.pilot.translate import resources as translation
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from meltemi.pilot import ir
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.proxy import ProxyClass


@dataclass(frozen=True, slots=True)
class Held:
    """The same resources three times.

    ``made`` knows where each part of them comes from, ``sent`` is the very bytes that
    Pilot sends, and ``envoy`` is what Envoy reads in them.
    """

    made: ir.Resources
    sent: Snapshot
    envoy: Resources


def held(index: Index, group: ProxyClass) -> Held:
    """Return what proxies of ``group`` hold in the mesh of ``index``."""
    made = translation.resources(scope(index, group))
    sent = snapshot(made, revision=index.revision)

    def bodies(kind: TypeUrl) -> list[bytes]:
        return [each.body for each in sent.resources[kind].values()]

    envoy = resources(
        map(Listener.FromString, bodies(TypeUrl.LISTENER)),
        map(RouteConfiguration.FromString, bodies(TypeUrl.ROUTE)),
        map(Cluster.FromString, bodies(TypeUrl.CLUSTER)),
        map(ClusterLoadAssignment.FromString, bodies(TypeUrl.ENDPOINT)),
    )
    return Held(made, sent, envoy)
