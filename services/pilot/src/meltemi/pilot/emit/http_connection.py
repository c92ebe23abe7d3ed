"""HTTP, as Envoy's HttpConnectionManager with Istio's constants.

Source: pilot/pkg/networking/core/listener_builder.go buildHTTPConnectionManager: path
normalisation, websocket upgrades, no stream idle timeout.
"""

from __future__ import annotations

from envoy.config.core.v3.protocol_pb2 import HttpProtocolOptions
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir
from meltemi.pilot.emit.access_log import access_logs
from meltemi.pilot.emit.http_filter import http_filters
from meltemi.pilot.emit.route import route_table
from meltemi.pilot.emit.tracing import tracing
from meltemi.pilot.emit.upstream_http import KEEP_CASE
from meltemi.pilot.emit.wire import (
    from_ads,
    optional_duration,
    optional_uint,
    packed,
)

Manager = hcm.HttpConnectionManager

FORWARDING = {
    ir.ClientCertificate.SANITIZE: Manager.SANITIZE,
    ir.ClientCertificate.APPEND: Manager.APPEND_FORWARD,
    ir.ClientCertificate.REPLACE: Manager.SANITIZE_SET,
    ir.ClientCertificate.FORWARD: Manager.FORWARD_ONLY,
    ir.ClientCertificate.ALWAYS_FORWARD: Manager.ALWAYS_FORWARD_ONLY,
}
TOLD = (
    ir.ClientCertificate.APPEND,
    ir.ClientCertificate.REPLACE,
)
"""Where the application is told who called."""
SLASHES = {
    ir.Slashes.KEEP: Manager.KEEP_UNCHANGED,
    ir.Slashes.REJECT: Manager.REJECT_REQUEST,
    ir.Slashes.REDIRECT: Manager.UNESCAPE_AND_REDIRECT,
    ir.Slashes.DECODE: Manager.UNESCAPE_AND_FORWARD,
}
UNDERSCORES = {
    ir.Underscores.ALLOW: HttpProtocolOptions.ALLOW,
    ir.Underscores.REJECT: HttpProtocolOptions.REJECT_REQUEST,
    ir.Underscores.DROP: HttpProtocolOptions.DROP_HEADER,
}


def http_connection(made: ir.HttpFilter) -> Manager:
    """Return a filter that speaks HTTP and routes by ``made.routes``."""
    result = Manager(
        stat_prefix=made.stat_prefix,
        codec_type=Manager.AUTO,
        http_filters=http_filters(made),
        server_name=made.server_name,
        use_remote_address=BoolValue(value=made.trust_downstream_address),
        xff_num_trusted_hops=made.trusted_hops,
        normalize_path=BoolValue(value=made.paths.normalize),
        merge_slashes=made.paths.merge_slashes,
        path_with_escaped_slashes_action=SLASHES[made.paths.escaped],
        proxy_100_continue=True,
        upgrade_configs=[Manager.UpgradeConfig(upgrade_type="websocket")],
        forward_client_cert_details=FORWARDING[made.client_certificate],
        access_log=access_logs(made.access_logs),
        preserve_external_request_id=made.preserve_request_id,
        append_x_forwarded_port=made.forward_port,
    )
    if made.keep_server:
        result.server_header_transformation = Manager.PASS_THROUGH
    if not made.generate_request_id:
        result.generate_request_id.CopyFrom(BoolValue(value=False))
    _tell(result, made)
    _limit(result, made.connection)
    if made.trust_downstream_address:
        result.http_protocol_options.SetInParent()  # as Istio's gateways say it
    _trace(result, made.tracing)
    if isinstance(made.routes, str):
        result.rds.route_config_name = made.routes
        result.rds.config_source.CopyFrom(from_ads())
    else:
        result.route_config.CopyFrom(route_table(made.routes))
    return result


def _tell(result: Manager, made: ir.HttpFilter) -> None:
    """Say what the application hears of the caller's certificate."""
    if made.client_certificate not in TOLD:
        return
    wanted, told = made.details, result.set_current_client_cert_details
    told.subject.value = wanted.subject
    told.cert, told.chain = wanted.cert, wanted.chain
    told.dns, told.uri = wanted.dns, wanted.uri


def _limit(result: Manager, connection: ir.Connection) -> None:
    for field, value in (
        (result.stream_idle_timeout, connection.stream_idle_timeout),
        (result.request_timeout, connection.request_timeout),
        (result.request_headers_timeout, connection.headers_timeout),
    ):
        if value is not None:
            field.FromNanoseconds(value)
            field.SetInParent()
    common = HttpProtocolOptions(
        idle_timeout=optional_duration(connection.idle_timeout),
        max_connection_duration=optional_duration(connection.max_duration),
        headers_with_underscores_action=UNDERSCORES[connection.underscores],
    )
    if common.ListFields():
        result.common_http_protocol_options.CopyFrom(common)
    http1 = result.http_protocol_options
    if connection.http10:
        http1.accept_http_10 = True
    if connection.absolute_urls:
        http1.allow_absolute_url.value = True
    if connection.keep_header_case:
        http1.header_key_format.stateful_formatter.CopyFrom(KEEP_CASE)
    http2 = result.http2_protocol_options
    for wrapper, limit in (
        (http2.max_concurrent_streams, connection.max_streams),
        (http2.initial_stream_window_size, connection.stream_window),
        (http2.initial_connection_window_size, connection.connection_window),
    ):
        wanted = optional_uint(limit)
        if wanted is not None:
            wrapper.CopyFrom(wanted)


def _trace(result: Manager, made: ir.Tracing | None) -> None:
    if made is None:
        return
    result.tracing.CopyFrom(tracing(made))
    identifiers = UuidRequestIdConfig(
        use_request_id_for_trace_sampling=BoolValue(value=made.use_request_id)
    )
    result.request_id_extension.typed_config.CopyFrom(packed(identifiers))
