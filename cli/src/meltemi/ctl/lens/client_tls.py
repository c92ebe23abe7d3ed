"""What a client's proxy says in the handshake with an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from meltemi.pilot.trace import Tls

if TYPE_CHECKING:
    from envoy.config.cluster.v3.cluster_pb2 import Cluster
    from envoy.config.core.v3.base_pb2 import TransportSocket
    from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint

    from meltemi.pilot.trace import Endpoint, Resources

MATCH = "envoy.transport_socket_match"


def client_tls(
    held: Resources,
    name: str,
    to: Endpoint,
    principal: str,
    protocols: tuple[str, ...] = (),
) -> Tls | None:
    """Return the TLS of a connection to one endpoint; None for plain text.

    What it offers by ALPN is ``protocols``, or what its cluster ``name`` says.

    Source:
        Envoy's Cluster.transport_socket_matches: the first whose fields the endpoint's
        metadata has, else the cluster's own transport socket.

    """
    cluster = held.clusters[name]
    socket = _socket(cluster, _member(held, cluster, to))
    context = UpstreamTlsContext()
    if not socket.typed_config.Unpack(context):
        return None
    common = context.common_tls_context
    shows = bool(common.tls_certificate_sds_secret_configs or common.tls_certificates)
    return Tls(
        server_name=context.sni,
        alpn=protocols or tuple(common.alpn_protocols),
        certificate=shows,
        principal=principal if shows else "",
    )


def knows(held: Resources, name: str, to: Endpoint) -> bool:
    """Tell whether ``to`` is an endpoint of the cluster ``name``."""
    return _member(held, held.clusters[name], to) is not None


def _member(held: Resources, cluster: Cluster, to: Endpoint) -> LbEndpoint | None:
    name = cluster.eds_cluster_config.service_name or cluster.name
    assignment = held.assignments.get(name, cluster.load_assignment)
    for group in assignment.endpoints:
        for each in group.lb_endpoints:
            place = each.endpoint.address.socket_address
            if (place.address, place.port_value) == (to.address, to.port):
                return each
    return None


def _socket(cluster: Cluster, member: LbEndpoint | None) -> TransportSocket:
    has = dict(member.metadata.filter_metadata[MATCH]) if member else {}
    for each in cluster.transport_socket_matches:
        if all(has.get(key) == value for key, value in each.match.items()):
            return each.transport_socket
    return cluster.transport_socket
