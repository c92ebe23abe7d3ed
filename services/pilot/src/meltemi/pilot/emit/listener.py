"""Listeners, as Envoy's Listener."""

from __future__ import annotations

from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import (
    Filter,
    FilterChain,
    FilterChainMatch,
    ListenerFilter,
)
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.listener.tls_inspector.v3.tls_inspector_pb2 import (
    TlsInspector,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir
from meltemi.pilot.emit import tls
from meltemi.pilot.emit.access_log import access_log
from meltemi.pilot.emit.http_connection import http_connection
from meltemi.pilot.emit.tcp_proxy import tcp_proxy
from meltemi.pilot.emit.wire import packed, socket_address

DIRECTIONS = {
    ir.Direction.INBOUND: TrafficDirection.INBOUND,
    ir.Direction.OUTBOUND: TrafficDirection.OUTBOUND,
}


def listener(made: ir.Listener, *, log_path: str) -> Listener:
    """Return ``made`` in Envoy's words, logging to ``log_path`` (empty: nowhere)."""
    result = Listener(
        name=made.name,
        address=socket_address(made.address, made.port),
        traffic_direction=DIRECTIONS[made.direction],
        filter_chains=[_chain(made, each, log_path) for each in made.chains],
        enable_reuse_port=BoolValue(value=True),
    )
    if made.inspect_tls:
        result.listener_filters.append(
            ListenerFilter(
                name="envoy.filters.listener.tls_inspector",
                typed_config=packed(TlsInspector()),
            )
        )
        # Istio's protocolDetectionTimeout: 0 s waits as long as the caller does.
        result.listener_filters_timeout.CopyFrom(Duration())
        result.continue_on_listener_filters_timeout = True
        result.access_log.extend(access_log(log_path))
        for log in result.access_log:
            log.filter.response_flag_filter.flags.append("NR")
    return result


def _chain(made: ir.Listener, chain: ir.FilterChain, log_path: str) -> FilterChain:
    result = FilterChain(
        name=chain.name,
        filter_chain_match=FilterChainMatch(
            server_names=chain.match.server_names,
            transport_protocol=chain.match.transport,
        ),
        filters=[_filter(made.direction, chain.filter, log_path)],
    )
    if chain.tls is not None:
        result.transport_socket.CopyFrom(tls.server(chain.tls))
    return result


def _filter(direction: ir.Direction, made: ir.Filter, log_path: str) -> Filter:
    match made:
        case ir.HttpFilter():
            return Filter(
                name="envoy.filters.network.http_connection_manager",
                typed_config=packed(http_connection(made, direction, log_path)),
            )
        case ir.TcpFilter():
            return Filter(
                name="envoy.filters.network.tcp_proxy",
                typed_config=packed(tcp_proxy(made, log_path)),
            )
