"""Access logs, as Envoy's loggers.

Source: pilot/pkg/model/telemetry_logging.go for Istio's default formats.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envoy.config.accesslog.v3.accesslog_pb2 import (
    AccessLog,
    AccessLogFilter,
    AndFilter,
    ExtensionFilter,
    ResponseFlagFilter,
)
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import (
    CommonGrpcAccessLogConfig,
    HttpGrpcAccessLogConfig,
    TcpGrpcAccessLogConfig,
)
from envoy.extensions.access_loggers.open_telemetry.v3.logs_service_pb2 import (
    OpenTelemetryAccessLogConfig,
)
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import packed

if TYPE_CHECKING:
    from google.protobuf.message import Message


def access_logs(logs: tuple[ir.AccessLog, ...]) -> list[AccessLog]:
    """Return ``logs`` in Envoy's words."""
    return [_log(each) for each in logs]


def _log(log: ir.AccessLog) -> AccessLog:
    match log:
        case ir.FileLog():
            name, config = "envoy.access_loggers.file", _file(log)
        case ir.ServiceLog(tcp=True):
            name, config = "envoy.access_loggers.tcp_grpc", _tcp_service(log)
        case ir.ServiceLog():
            name, config = "envoy.access_loggers.http_grpc", _http_service(log)
        case ir.OtelLog():
            name, config = "envoy.access_loggers.open_telemetry", _otel(log)
    made = AccessLog(name=name, typed_config=packed(config))
    condition = _condition(log.only)
    if condition is not None:
        made.filter.CopyFrom(condition)
    return made


def _file(log: ir.FileLog) -> Message:
    config = FileAccessLog(path=log.path)
    if log.text:
        config.log_format.text_format_source.inline_string = log.text
        config.log_format.omit_empty_values = False
        return config
    fields = Struct()
    ParseDict({name: json.loads(value) for name, value in log.fields}, fields)
    config.log_format.CopyFrom(SubstitutionFormatString(json_format=fields))
    return config


def _http_service(log: ir.ServiceLog) -> Message:
    return HttpGrpcAccessLogConfig(
        common_config=_common(log),
        additional_request_headers_to_log=log.request_headers,
        additional_response_headers_to_log=log.response_headers,
        additional_response_trailers_to_log=log.trailers,
    )


def _tcp_service(log: ir.ServiceLog) -> Message:
    return TcpGrpcAccessLogConfig(common_config=_common(log))


def _common(log: ir.ServiceLog) -> CommonGrpcAccessLogConfig:
    return CommonGrpcAccessLogConfig(
        log_name=log.log_name,
        grpc_service=_grpc(log.cluster, log.authority),
        transport_api_version="V3",
        filter_state_objects_to_log=log.state,
    )


def _otel(log: ir.OtelLog) -> Message:
    config = OpenTelemetryAccessLogConfig(
        common_config=CommonGrpcAccessLogConfig(
            log_name=log.log_name,
            grpc_service=_grpc(log.cluster, log.authority),
            transport_api_version="V3",
        ),
        disable_builtin_labels=True,
    )
    config.body.string_value = log.text
    for name, value in log.labels:
        label = config.attributes.values.add(key=name)
        label.value.string_value = value
    return config


def _grpc(cluster: str, authority: str) -> GrpcService:
    return GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=cluster, authority=authority)
    )


def _condition(only: ir.LogFilter) -> AccessLogFilter | None:
    found = []
    if only.flags:
        flags = ResponseFlagFilter(flags=only.flags)
        found.append(AccessLogFilter(response_flag_filter=flags))
    if only.expression:
        cel = packed(ExpressionFilter(expression=only.expression))
        extension = ExtensionFilter(
            name="envoy.access_loggers.extension_filters.cel", typed_config=cel
        )
        found.append(AccessLogFilter(extension_filter=extension))
    if len(found) > 1:
        return AccessLogFilter(and_filter=AndFilter(filters=found))
    return found[0] if found else None
