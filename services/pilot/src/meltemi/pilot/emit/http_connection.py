"""HTTP, as Envoy's HttpConnectionManager with Istio's constants.

Source: pilot/pkg/networking/core/listener_builder.go buildHTTPConnectionManager: filter
order, path normalisation, websocket upgrades, no stream idle timeout.
"""

from __future__ import annotations

from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.http.fault.v3.fault_pb2 import HTTPFault
from envoy.extensions.filters.http.grpc_stats.v3.config_pb2 import FilterConfig
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir
from meltemi.pilot.emit.access_log import access_log
from meltemi.pilot.emit.route import CORS_FILTER, FAULT_FILTER, route_table
from meltemi.pilot.emit.wire import duration, from_ads, packed

Manager = hcm.HttpConnectionManager

FORWARDING = {
    ir.ClientCertificate.SANITIZE: Manager.SANITIZE,
    ir.ClientCertificate.APPEND: Manager.APPEND_FORWARD,
    ir.ClientCertificate.REPLACE: Manager.SANITIZE_SET,
}


def http_connection(
    made: ir.HttpFilter, direction: ir.Direction, log_path: str
) -> Manager:
    """Return a filter that speaks HTTP and routes by ``made.routes``."""
    result = Manager(
        stat_prefix=made.stat_prefix,
        codec_type=Manager.AUTO,
        http_filters=_filters(direction),
        use_remote_address=BoolValue(value=made.trust_downstream_address),
        normalize_path=BoolValue(value=True),
        stream_idle_timeout=duration(0),
        proxy_100_continue=True,
        upgrade_configs=[Manager.UpgradeConfig(upgrade_type="websocket")],
        forward_client_cert_details=FORWARDING[made.client_certificate],
        access_log=access_log(log_path),
    )
    if made.client_certificate is not ir.ClientCertificate.SANITIZE:
        details = result.set_current_client_cert_details
        details.subject.value = True
        details.uri = True
        details.dns = True
    if made.proxy_requests:
        result.http_protocol_options.allow_absolute_url.value = True
    if isinstance(made.routes, str):
        result.rds.route_config_name = made.routes
        result.rds.config_source.CopyFrom(from_ads())
    else:
        result.route_config.CopyFrom(route_table(made.routes))
    return result


def _filters(direction: ir.Direction) -> list[hcm.HttpFilter]:
    """Return the filters in Istio's order; fault and CORS act where requests leave."""
    stats = FilterConfig(emit_filter_state=True)
    filters = [("envoy.filters.http.grpc_stats", packed(stats))]
    if direction is ir.Direction.OUTBOUND:
        filters += [(FAULT_FILTER, packed(HTTPFault())), (CORS_FILTER, packed(Cors()))]
    filters.append(("envoy.filters.http.router", packed(Router())))
    return [hcm.HttpFilter(name=name, typed_config=config) for name, config in filters]
