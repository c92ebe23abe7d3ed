"""A bootstrap that holds everything, so that Envoy can read it without a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501 - Envoy's name
    HttpConnectionManager,
)

if TYPE_CHECKING:
    from envoy.config.listener.v3.listener_components_pb2 import FilterChain

    from meltemi.pilot.trace import Resources

AGENT = "sds-grpc"
SOCKET = "/run/meltemi/sds.sock"
"""Where certificates would come from; Envoy does not ask while it validates."""


def bootstrap(held: Resources, node_id: str) -> Bootstrap:
    """Return ``held`` as static resources: EDS and RDS are put in place.

    Certificates stay references to the agent's SDS, as no key is known here.
    """
    result = Bootstrap()
    result.node.id = node_id
    result.node.cluster = node_id.split("~")[2]
    for each in held.clusters.values():
        result.static_resources.clusters.append(_cluster(held, each))
    if AGENT not in held.clusters:
        agent = result.static_resources.clusters.add(name=AGENT)
        agent.connect_timeout.seconds = 1
        agent.load_assignment.cluster_name = AGENT
        member = agent.load_assignment.endpoints.add().lb_endpoints.add()
        member.endpoint.address.pipe.path = SOCKET
    for listener in held.listeners:
        result.static_resources.listeners.append(_listener(held, listener))
    return result


def _cluster(held: Resources, cluster: Cluster) -> Cluster:
    result = Cluster.FromString(cluster.SerializeToString())
    if result.type == Cluster.EDS:
        name = result.eds_cluster_config.service_name or result.name
        result.type = Cluster.STATIC
        result.ClearField("eds_cluster_config")
        result.load_assignment.cluster_name = name
        if name in held.assignments:
            result.load_assignment.CopyFrom(held.assignments[name])
    return result


def _listener(held: Resources, listener: Listener) -> Listener:
    result = Listener.FromString(listener.SerializeToString())
    for chain in result.filter_chains:
        _inline(held, chain)
    if result.HasField("default_filter_chain"):
        _inline(held, result.default_filter_chain)
    return result


def _inline(held: Resources, chain: FilterChain) -> None:
    """Put the route tables that a chain would fetch into it."""
    for each in chain.filters:
        manager = HttpConnectionManager()
        if not each.typed_config.Unpack(manager) or not manager.HasField("rds"):
            continue
        name = manager.rds.route_config_name
        manager.route_config.name = name
        if name in held.routes:
            manager.route_config.CopyFrom(held.routes[name])
        each.typed_config.Pack(manager)
