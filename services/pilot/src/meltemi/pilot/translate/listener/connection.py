"""How HTTP is spoken on the connections of a proxy, whatever they are for.

Source: pilot/pkg/networking/core/listener_builder.go buildHTTPConnectionManager and
n/util for MeshConfig's and ProxyConfig's part in it.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.connection_settings import (
    ConnectionProfile,
    EscapedSlashes,
    HeadersWithUnderscores,
)
from meltemi.config.schema.mesh_config import Normalization
from meltemi.config.schema.proxy_headers import ForwardClientCertDetails
from meltemi.config.values import Duration
from meltemi.kernel.errors import MeshError
from meltemi.pilot import ir
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate.cluster.pool import nanoseconds

if TYPE_CHECKING:
    from meltemi.config.schema.connection_settings import ConnectionSettings
    from meltemi.config.schema.proxy_headers import SetCurrentClientCertDetails
    from meltemi.pilot.scope.scope import Scope

SERVER: Final = "istio-envoy"
EDGE: Final = ir.Connection(
    idle_timeout=3600 * ir.SECOND,
    stream_idle_timeout=300 * ir.SECOND,
    request_timeout=300 * ir.SECOND,
    headers_timeout=60 * ir.SECOND,
    max_streams=100,
    stream_window=1 << 16,
    connection_window=1 << 20,
    underscores=ir.Underscores.REJECT,
)
"""What is safe towards strangers: Envoy's "configuring Envoy as an edge proxy"."""
EDGE_BUFFER: Final = 32_768
ESCAPED: Final = {
    EscapedSlashes.KEEP_UNCHANGED: ir.Slashes.KEEP,
    EscapedSlashes.REJECT_REQUEST: ir.Slashes.REJECT,
    EscapedSlashes.UNESCAPE_AND_REDIRECT: ir.Slashes.REDIRECT,
    EscapedSlashes.UNESCAPE_AND_FORWARD: ir.Slashes.DECODE,
}
UNDERSCORES: Final = {
    HeadersWithUnderscores.HEADERS_WITH_UNDERSCORES_ALLOW: ir.Underscores.ALLOW,
    HeadersWithUnderscores.HEADERS_WITH_UNDERSCORES_REJECT_REQUEST: (
        ir.Underscores.REJECT
    ),
    HeadersWithUnderscores.HEADERS_WITH_UNDERSCORES_DROP_HEADER: ir.Underscores.DROP,
}
FORWARDED: Final = {
    ForwardClientCertDetails.SANITIZE: ir.ClientCertificate.SANITIZE,
    ForwardClientCertDetails.FORWARD_ONLY: ir.ClientCertificate.FORWARD,
    ForwardClientCertDetails.APPEND_FORWARD: ir.ClientCertificate.APPEND,
    ForwardClientCertDetails.SANITIZE_SET: ir.ClientCertificate.REPLACE,
    ForwardClientCertDetails.ALWAYS_FORWARD_ONLY: ir.ClientCertificate.ALWAYS_FORWARD,
}


class Side(StrEnum):
    """What an HTTP connection is to the mesh."""

    INBOUND = "inbound"
    """From anybody to the workload."""
    OUTBOUND = "outbound"
    """From the workload to anybody."""
    GATEWAY = "gateway"
    """From outside into the mesh."""


def http_filter(
    scope: Scope,
    side: Side,
    stat_prefix: str,
    routes: str | ir.RouteTable,
    protocol: Protocol = Protocol.HTTP,
) -> ir.HttpFilter:
    """Return the filter that serves HTTP on one side of the proxies of ``scope``.

    Args:
        scope: For the mesh's and the proxy's settings.
        side: Which connections it is for.
        stat_prefix: What its counters are called.
        routes: The route table, or the name to fetch it by.
        protocol: What the port speaks.

    """
    gateway = side is Side.GATEWAY
    before: tuple[ir.HttpExtension, ...] = ()
    if protocol is Protocol.GRPC_WEB:
        before = (ir.GrpcWeb(),)
    made = ir.HttpFilter(
        stat_prefix=stat_prefix,
        routes=routes,
        client_certificate=_certificate(side),
        details=ir.ClientDetails(cert=gateway),
        trust_downstream_address=gateway,
        trusted_hops=_hops(scope) if gateway else 0,
        server_name="" if side is Side.OUTBOUND else SERVER,
        paths=_paths(scope),
        connection=_connection(scope),
        before=before,
        extensions=() if side is Side.INBOUND else (ir.MeshProtocols(),),
    )
    return _headed(made, scope, side)


def proxying(made: ir.HttpFilter) -> ir.HttpFilter:
    """Return ``made``, which takes requests as an HTTP proxy does."""
    return replace(made, connection=replace(made.connection, absolute_urls=True))


def _certificate(side: Side) -> ir.ClientCertificate:
    match side:
        case Side.INBOUND:
            return ir.ClientCertificate.APPEND
        case Side.GATEWAY:
            return ir.ClientCertificate.REPLACE
        case Side.OUTBOUND:
            return ir.ClientCertificate.SANITIZE


def _hops(scope: Scope) -> int:
    topology = scope.proxy_defaults.gateway_topology
    return (topology.num_trusted_proxies or 0) if topology else 0


def _headed(made: ir.HttpFilter, scope: Scope, side: Side) -> ir.HttpFilter:
    """Return ``made`` with the headers that ProxyConfig chooses."""
    defaults = scope.proxy_defaults
    headers, topology = defaults.proxy_headers, defaults.gateway_topology
    forwarded = topology.forward_client_cert_details if topology else None
    if side is Side.GATEWAY and forwarded in FORWARDED:
        made = replace(made, client_certificate=FORWARDED[forwarded])
    if headers is None:
        return made
    if headers.forwarded_client_cert in FORWARDED:
        chosen = FORWARDED[headers.forwarded_client_cert]
        made = replace(made, client_certificate=chosen)
    if headers.server:
        off = bool(headers.server.disabled)
        named = made.server_name if off else headers.server.value or made.server_name
        made = replace(made, server_name=named, keep_server=off)
    debug, identifier = headers.envoy_debug_headers, headers.request_id
    details, port = headers.set_current_client_cert_details, headers.x_forwarded_port
    if details:
        made = replace(made, details=_details(details))
    return replace(
        made,
        forward_port=bool(port and port.enabled),
        quiet=bool(debug and debug.disabled),
        generate_request_id=not (identifier and identifier.disabled),
    )


def _details(wanted: SetCurrentClientCertDetails) -> ir.ClientDetails:
    """Return what is told where ProxyConfig says so: what it leaves out, by default."""
    usual = ir.ClientDetails()
    return ir.ClientDetails(
        subject=usual.subject if wanted.subject is None else wanted.subject,
        cert=bool(wanted.cert),
        chain=bool(wanted.chain),
        dns=usual.dns if wanted.dns is None else wanted.dns,
        uri=usual.uri if wanted.uri is None else wanted.uri,
    )


def _paths(scope: Scope) -> ir.Paths:
    """Return MeshConfig's normalisation under the proxy's own settings."""
    normalization = scope.config.document.path_normalization
    word = normalization.normalization if normalization else None
    paths = {
        Normalization.NONE: ir.Paths(normalize=False),
        Normalization.MERGE_SLASHES: ir.Paths(merge_slashes=True),
        Normalization.DECODE_AND_MERGE_SLASHES: ir.Paths(
            merge_slashes=True, escaped=ir.Slashes.DECODE
        ),
    }.get(word or Normalization.DEFAULT, ir.Paths())
    settings = scope.proxy_defaults.connection_settings
    if settings is None:
        return paths
    if edge(scope):
        paths = replace(paths, merge_slashes=True, escaped=ir.Slashes.REDIRECT)
    if settings.http_merge_slashes is not None:
        paths = replace(paths, merge_slashes=settings.http_merge_slashes)
    escaped = settings.http_path_with_escaped_slashes_action
    if escaped in ESCAPED:
        paths = replace(paths, escaped=ESCAPED[escaped])
    return paths


def edge(scope: Scope) -> bool:
    """Tell whether a gateway is to be set up for strangers."""
    settings = scope.proxy_defaults.connection_settings
    profile = settings.profile if settings else None
    return profile is ConnectionProfile.EDGE and scope.group.role is Role.GATEWAY


def buffer_limit(scope: Scope) -> int | None:
    """Return how many bytes of a connection may be waiting; None: Envoy's limit."""
    settings = scope.proxy_defaults.connection_settings
    own = settings.listener_per_connection_buffer_limit_bytes if settings else None
    return own or (EDGE_BUFFER if edge(scope) else None)


def _connection(scope: Scope) -> ir.Connection:
    node = scope.group.node
    connection = EDGE if edge(scope) else ir.Connection()
    settings = scope.proxy_defaults.connection_settings
    if settings:
        connection = _set(connection, settings)
    return replace(
        connection,
        idle_timeout=idle_timeout(scope) or connection.idle_timeout,
        http10=node.http10,
        keep_header_case=scope.keeps_header_case,
    )


def _set(connection: ir.Connection, settings: ConnectionSettings) -> ir.Connection:
    underscores = settings.http_headers_with_underscores_action
    stream_idle = nanoseconds(settings.http_stream_idle_timeout)
    windows = (
        settings.http2_initial_stream_window_size,
        settings.http2_initial_connection_window_size,
    )
    return ir.Connection(
        idle_timeout=nanoseconds(settings.http_idle_timeout) or connection.idle_timeout,
        stream_idle_timeout=(
            connection.stream_idle_timeout if stream_idle is None else stream_idle
        ),
        request_timeout=(
            nanoseconds(settings.http_request_timeout) or connection.request_timeout
        ),
        headers_timeout=(
            nanoseconds(settings.http_request_headers_timeout)
            or connection.headers_timeout
        ),
        max_streams=settings.http_max_concurrent_streams or connection.max_streams,
        stream_window=windows[0] or connection.stream_window,
        connection_window=windows[1] or connection.connection_window,
        underscores=(
            UNDERSCORES.get(underscores, connection.underscores)
            if underscores
            else connection.underscores
        ),
    )


def idle_timeout(scope: Scope) -> int | None:
    """Return when the node wants idle connections closed, if it says so properly."""
    written = scope.group.node.idle_timeout
    if not written:
        return None
    try:
        return Duration.parse(written).nanoseconds
    except MeshError:
        return None
