"""Listeners, as Envoy's Listener."""

from __future__ import annotations

from typing import assert_never

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.core.v3.base_pb2 import TrafficDirection
from envoy.config.listener.v3.listener_components_pb2 import (
    Filter,
    FilterChain,
    FilterChainMatch,
)
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener
from envoy.extensions.filters.network.mongo_proxy.v3.mongo_proxy_pb2 import MongoProxy
from envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.sni_dynamic_forward_proxy_pb2 import (  # noqa: E501 - Envoy's name
    FilterConfig as ServerNameLookup,
)
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from meltemi.pilot import ir
from meltemi.pilot.emit import tls
from meltemi.pilot.emit.access_log import access_logs
from meltemi.pilot.emit.discovery import host_cache
from meltemi.pilot.emit.http_connection import http_connection
from meltemi.pilot.emit.listener_filter import listener_filters
from meltemi.pilot.emit.plugin import network_plugins
from meltemi.pilot.emit.policy import network_policies
from meltemi.pilot.emit.tcp_proxy import tcp_proxy
from meltemi.pilot.emit.wire import (
    optional_duration,
    optional_uint,
    packed,
    socket_address,
)

DIRECTIONS = {
    ir.Direction.INBOUND: TrafficDirection.INBOUND,
    ir.Direction.OUTBOUND: TrafficDirection.OUTBOUND,
}


def listener(made: ir.Listener) -> Listener:
    """Return ``made`` in Envoy's words."""
    result = Listener(
        name=made.name,
        address=socket_address(made.address, made.port, made.netns),
        additional_addresses=[
            AdditionalAddress(address=socket_address(each, made.port, made.netns))
            for each in made.more_addresses
        ],
        traffic_direction=DIRECTIONS[made.direction],
        filter_chains=[_chain(each) for each in made.chains],
        listener_filters=listener_filters(made),
        listener_filters_timeout=optional_duration(made.inspection_timeout),
        continue_on_listener_filters_timeout=made.proceed_after_timeout,
        access_log=access_logs(made.access_logs),
        per_connection_buffer_limit_bytes=optional_uint(made.buffer_limit),
    )
    if made.default is not None:
        result.default_filter_chain.CopyFrom(_chain(made.default))
    _receive(result, made)
    return result


def _receive(result: Listener, made: ir.Listener) -> None:
    """Say how connections come to the listener."""
    if not made.bound:
        result.bind_to_port.CopyFrom(BoolValue(value=False))
    if made.by_destination:
        result.use_original_dst.CopyFrom(BoolValue(value=True))
    if made.transparent:
        result.transparent.CopyFrom(BoolValue(value=True))
    if made.even:
        result.connection_balance_config.exact_balance.SetInParent()
    if made.accept_one_by_one:
        one = UInt32Value(value=1)
        result.max_connections_to_accept_per_socket_event.CopyFrom(one)


def _chain(chain: ir.FilterChain) -> FilterChain:
    result = FilterChain(
        name=chain.name,
        filters=[
            *network_policies(chain.custom),
            *network_plugins(chain.plugins.authentication),
            *network_plugins(chain.plugins.authorization),
            *network_policies(chain.policies),
            *network_plugins(chain.plugins.statistics),
            *network_plugins(chain.plugins.rest),
            *(_before(each) for each in chain.before),
            _filter(chain.filter),
        ],
        transport_socket_connect_timeout=optional_duration(chain.handshake_timeout),
    )
    if not chain.match.everything:
        result.filter_chain_match.CopyFrom(_match(chain.match))
    if chain.tls is not None:
        result.transport_socket.CopyFrom(tls.server(chain.tls))
    return result


def _match(match: ir.ChainMatch) -> FilterChainMatch:
    return FilterChainMatch(
        server_names=match.server_names,
        transport_protocol=match.transport,
        application_protocols=match.protocols,
        destination_port=optional_uint(match.port or None),
        prefix_ranges=[_range(each) for each in match.ranges],
    )


def _range(written: str) -> CidrRange:
    address, _, length = written.partition("/")
    bits = int(length) if length else 128 if ":" in address else 32
    return CidrRange(address_prefix=address, prefix_len=UInt32Value(value=bits))


def _before(made: ir.NetworkFilter) -> Filter:
    match made:
        case ir.LookupByServerName(cache, port):
            config = ServerNameLookup(
                dns_cache_config=host_cache(cache), port_value=port
            )
            return Filter(
                name="envoy.extensions.filters.network.sni_dynamic_forward_proxy",
                typed_config=packed(config),
            )
        case ir.MongoStatistics(prefix):
            return Filter(
                name="envoy.filters.network.mongo_proxy",
                typed_config=packed(MongoProxy(stat_prefix=prefix)),
            )
        case never:
            assert_never(never)


def _filter(made: ir.HttpFilter | ir.TcpFilter) -> Filter:
    match made:
        case ir.HttpFilter():
            return Filter(
                name="envoy.filters.network.http_connection_manager",
                typed_config=packed(http_connection(made)),
            )
        case ir.TcpFilter():
            return Filter(
                name="envoy.filters.network.tcp_proxy",
                typed_config=packed(tcp_proxy(made)),
            )
