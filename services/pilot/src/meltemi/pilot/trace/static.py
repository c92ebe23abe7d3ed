"""A bootstrap that holds everything, so that Envoy can read it without a mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import ApiConfigSource, ApiVersion
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (  # noqa: E501 - Envoy's name
    HttpConnectionManager,
    HttpFilter,
)
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

if TYPE_CHECKING:
    from envoy.config.core.v3.base_pb2 import TransportSocket
    from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain

    from meltemi.pilot.trace import Resources

AGENT = "sds-grpc"
SOCKET = "/run/meltemi/sds.sock"
"""Where certificates would come from; Envoy does not ask while it validates."""


def bootstrap(held: Resources, node_id: str) -> Bootstrap:
    """Return ``held`` as static resources: EDS, RDS and ECDS are put in place.

    Certificates stay references to the agent's SDS, as no key is known here. Those
    that Pilot would send are asked of the agent too: an Envoy without a connection
    to Pilot ends with a segmentation fault when a static cluster names one (1.40).
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
    sockets = [each.transport_socket for each in result.transport_socket_matches]
    for socket in (*sockets, result.transport_socket):
        _ask_the_agent(socket)
    return result


def _ask_the_agent(socket: TransportSocket) -> None:
    context = UpstreamTlsContext()
    if not socket.typed_config.Unpack(context):
        return
    common = context.common_tls_context
    combined = common.combined_validation_context
    for secret in (
        *common.tls_certificate_sds_secret_configs,
        common.validation_context_sds_secret_config,
        combined.validation_context_sds_secret_config,
    ):
        if secret.sds_config.HasField("ads"):
            source = secret.sds_config.api_config_source
            source.api_type = ApiConfigSource.GRPC
            source.transport_api_version = ApiVersion.V3
            source.grpc_services.add().envoy_grpc.cluster_name = AGENT
    socket.typed_config.Pack(context)


def _listener(held: Resources, listener: Listener) -> Listener:
    result = Listener.FromString(listener.SerializeToString())
    for chain in result.filter_chains:
        _inline(held, chain)
    if result.HasField("default_filter_chain"):
        _inline(held, result.default_filter_chain)
    return result


def _inline(held: Resources, chain: FilterChain) -> None:
    """Put what a chain would ask for by name into it."""
    for each in chain.filters:
        _configure(held, each)
        manager = HttpConnectionManager()
        if not each.typed_config.Unpack(manager):
            continue
        for http in manager.http_filters:
            _configure(held, http)
        if manager.HasField("rds"):
            name = manager.rds.route_config_name
            manager.route_config.name = name
            if name in held.routes:
                manager.route_config.CopyFrom(held.routes[name])
        each.typed_config.Pack(manager)


def _configure(held: Resources, each: Filter | HttpFilter) -> None:
    """Put the configuration of a filter that stands there by name into it."""
    if each.HasField("config_discovery") and each.name in held.extensions:
        each.typed_config.CopyFrom(held.extensions[each.name].typed_config)
