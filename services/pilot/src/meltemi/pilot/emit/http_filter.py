"""The HTTP filters of a connection, in Istio's order, as Envoy's.

Source: pilot/pkg/networking/core/listener_builder.go buildHTTPConnectionManager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from envoy.extensions.common.tap.v3.common_pb2 import (
    AdminConfig,
    CommonExtensionConfig,
)
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import (
    FilterStateValue,
)
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.http.dynamic_forward_proxy.v3.dynamic_forward_proxy_pb2 import (  # noqa: E501 - Envoy's name
    FilterConfig as ForwardProxy,
)
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig
from envoy.extensions.filters.http.grpc_web.v3.grpc_web_pb2 import GrpcWeb
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import (
    Config as SetFilterState,
)
from envoy.extensions.filters.http.tap.v3.tap_pb2 import Tap
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir
from meltemi.pilot.emit.discovery import host_cache
from meltemi.pilot.emit.peer import introducing, peer_header
from meltemi.pilot.emit.plugin import http_plugins
from meltemi.pilot.emit.policy import http_policies
from meltemi.pilot.emit.route import CORS_FILTER, FAULT_FILTER
from meltemi.pilot.emit.wire import packed

if TYPE_CHECKING:
    from google.protobuf.message import Message

TAP_FILTER = "envoy.filters.http.tap"
MESH_PROTOCOLS = "meltemi.mesh_protocols"
"""In the place of Istio's own filter ``istio.alpn``, which stock Envoy lacks."""
OFFERED = (
    "%CEL(request.protocol == 'HTTP/2' ? 'istio-h2,istio,h2' : "
    "'istio-http/1.1,istio,http/1.1')%"
)


def http_filters(made: ir.HttpFilter) -> list[hcm.HttpFilter]:
    """Return the filters of ``made``, the router last."""
    filters = [_named(TAP_FILTER, LISTENING)] if made.tapped else []
    filters += [peer_header(made.peer)] if made.peer else []
    filters += http_policies(made.custom)
    filters += http_plugins(made.plugins.authentication)
    filters += http_policies(made.tokens)
    filters += http_plugins(made.plugins.authorization)
    filters += http_policies(made.access)
    filters += http_plugins((*made.plugins.statistics, *made.plugins.rest))
    filters += [_extension(each) for each in made.before]
    filters.append(_named("envoy.filters.http.grpc_stats", STATISTICS))
    filters += [_extension(each) for each in made.extensions]
    filters.append(_named(FAULT_FILTER, HTTPFault()))
    filters.append(_named(CORS_FILTER, Cors()))
    filters += [_extension(each) for each in made.last]
    filters += [introducing(made.caller)] if made.caller else []
    filters.append(_named("envoy.filters.http.router", Router()))
    return filters


LISTENING = Tap(
    common_config=CommonExtensionConfig(admin_config=AdminConfig(config_id="meltemi")),
    record_headers_received_time=True,
    record_downstream_connection=True,
    record_upstream_connection=True,
)
"""Ahead of all others, so that what they refuse is seen, too."""

STATISTICS = FilterConfig(
    emit_filter_state=True, stats_for_all_methods=BoolValue(value=False)
)


def _extension(made: ir.HttpExtension) -> hcm.HttpFilter:
    match made:
        case ir.GrpcWeb():
            return _named("envoy.filters.http.grpc_web", GrpcWeb())
        case ir.MeshProtocols():
            return _named(MESH_PROTOCOLS, _mesh_protocols())
        case ir.LookupByHost(cache):
            config = ForwardProxy(dns_cache_config=host_cache(cache))
            return _named("envoy.filters.http.dynamic_forward_proxy", config)
        case never:
            assert_never(never)


def _mesh_protocols() -> SetFilterState:
    """Return a filter that says what is offered to servers of the mesh, by ALPN."""
    offered = FilterStateValue(
        object_key="envoy.network.application_protocols",
        shared_with_upstream=FilterStateValue.ONCE,
    )
    offered.format_string.text_format_source.inline_string = OFFERED
    return SetFilterState(on_request_headers=[offered])


def _named(name: str, config: Message) -> hcm.HttpFilter:
    return hcm.HttpFilter(name=name, typed_config=packed(config))
