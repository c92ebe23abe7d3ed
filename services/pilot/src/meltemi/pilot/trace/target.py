"""Which clusters and endpoints an action leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.health_check_pb2 import HealthStatus

from meltemi.pilot.trace.answer import Endpoint, Problem, Stage, Step, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint
    from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment

    from meltemi.pilot.trace.call import Call
    from meltemi.pilot.trace.resources import Resources

UNUSABLE = {HealthStatus.UNHEALTHY, HealthStatus.DRAINING, HealthStatus.TIMEOUT}

Found = tuple[tuple[Target, ...], Problem | None, Step]


def targets(held: Resources, weights: Sequence[tuple[str, int]], call: Call) -> Found:
    """Return the clusters of those names, with their endpoints."""
    found = tuple(
        Target(name, weight, tuple(_endpoints(held, name, call)))
        for name, weight in weights
    )
    names = ", ".join(name for name, _ in weights)
    missing = [name for name, weight in weights if name not in held.clusters and weight]
    if not missing:
        counted = ", ".join(str(len(each.endpoints)) for each in found)
        return found, None, Step(Stage.CLUSTER, names, f"endpoints: {counted}")
    why = f"the proxy has no cluster {', '.join(missing)}"
    problem = Problem.NO_CLUSTER if len(missing) == len(weights) else None
    return found, problem, Step(Stage.CLUSTER, names, why)


def _endpoints(held: Resources, name: str, call: Call) -> Iterator[Endpoint]:
    cluster = held.clusters.get(name)
    if cluster is None:
        return
    if cluster.type == Cluster.ORIGINAL_DST:
        port = cluster.original_dst_lb_config.upstream_port_override.value
        yield Endpoint(call.address, port or call.port)
        return
    for group in _assignment(held, cluster).endpoints:
        place = group.locality
        where = "/".join(filter(None, (place.region, place.zone, place.sub_zone)))
        for each in group.lb_endpoints:
            address, port = _address(each)
            yield Endpoint(
                address,
                port,
                locality=where,
                priority=group.priority,
                weight=each.load_balancing_weight.value or 1,
                healthy=each.health_status not in UNUSABLE,
            )


def _assignment(held: Resources, cluster: Cluster) -> ClusterLoadAssignment:
    name = cluster.eds_cluster_config.service_name or cluster.name
    by_name = held.assignments.get(name)
    if cluster.type == Cluster.EDS and by_name is not None:
        return by_name
    return cluster.load_assignment


def _address(endpoint: LbEndpoint) -> tuple[str, int]:
    address = endpoint.endpoint.address
    match address.WhichOneof("address"):
        case "pipe":
            return address.pipe.path, 0
        case "envoy_internal_address":
            return address.envoy_internal_address.server_listener_name, 0
        case _:
            return address.socket_address.address, address.socket_address.port_value
