"""Access logs, as Envoy's loggers.

Source: pilot/pkg/model/telemetry_logging.go for their names and settings.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.file.v3.file_pb2 import FileAccessLog
from envoy.extensions.access_loggers.grpc.v3.als_pb2 import (
    CommonGrpcAccessLogConfig,
    HttpGrpcAccessLogConfig,
    TcpGrpcAccessLogConfig,
)
from envoy.extensions.formatter.req_without_query.v3.req_without_query_pb2 import (
    ReqWithoutQuery,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from meltemi.pilot import ir
from meltemi.pilot.emit.log_filter import condition
from meltemi.pilot.emit.metric import METRICS, statistics
from meltemi.pilot.emit.wire import packed, typed_struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

OTEL = "envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig"
WITHOUT_QUERY = "%REQ_WITHOUT_QUERY"
"""The only command operator that Envoy has in an extension."""


def access_logs(logs: tuple[ir.AccessLog, ...]) -> list[AccessLog]:
    """Return ``logs`` in Envoy's words."""
    return [_log(each) for each in logs]


@lru_cache(maxsize=256)
def _log(log: ir.AccessLog) -> AccessLog:
    """Return one logger, made once: hundreds of chains have the same few."""
    match log:
        case ir.FileLog():
            name, config = "envoy.access_loggers.file", _file(log)
        case ir.ServiceLog(tcp=True):
            name, config = "envoy.tcp_grpc_access_log", _tcp_service(log)
        case ir.ServiceLog():
            name, config = "envoy.http_grpc_access_log", _http_service(log)
        case ir.OtelLog():
            name, config = "envoy.access_loggers.open_telemetry", _otel(log)
        case ir.MetricLog():
            name, config = METRICS, statistics(log)
    made = AccessLog(name=name, typed_config=packed(config))
    only = condition(log.only)
    if only is not None:
        made.filter.CopyFrom(only)
    return made


def _file(log: ir.FileLog) -> Message:
    if log.text:
        form = SubstitutionFormatString(omit_empty_values=log.omit_empty)
        form.text_format_source.inline_string = log.text
        form.formatters.extend(_formatters([log.text]))
    else:
        fields = Struct()
        ParseDict({name: json.loads(value) for name, value in log.fields}, fields)
        form = SubstitutionFormatString(
            json_format=fields,
            omit_empty_values=log.omit_empty,
            formatters=_formatters(value for _, value in log.fields),
        )
    return FileAccessLog(path=log.path, log_format=form)


def _formatters(texts: Iterable[str]) -> list[TypedExtensionConfig]:
    """Return the extensions that format strings need."""
    if not any(WITHOUT_QUERY in each for each in texts):
        return []
    config = packed(ReqWithoutQuery())
    name = "envoy.formatter.req_without_query"
    return [TypedExtensionConfig(name=name, typed_config=config)]


def _http_service(log: ir.ServiceLog) -> Message:
    return HttpGrpcAccessLogConfig(
        common_config=_shared(log),
        additional_request_headers_to_log=log.request_headers,
        additional_response_headers_to_log=log.response_headers,
        additional_response_trailers_to_log=log.trailers,
    )


def _tcp_service(log: ir.ServiceLog) -> Message:
    return TcpGrpcAccessLogConfig(common_config=_shared(log))


def _shared(log: ir.ServiceLog) -> CommonGrpcAccessLogConfig:
    return CommonGrpcAccessLogConfig(
        log_name=log.log_name,
        grpc_service=_grpc(log.cluster, log.authority),
        transport_api_version="V3",
        filter_state_objects_to_log=log.state,
    )


def _otel(log: ir.OtelLog) -> Message:
    """Return settings in which nothing is deprecated: those Pilot's types lack."""
    labels = [
        {"key": name, "value": {"string_value": value}} for name, value in log.labels
    ]
    formatters = _formatters([log.text, *(value for _, value in log.labels)])
    value: dict[str, object] = {
        "log_name": log.log_name,
        "grpc_service": {
            "envoy_grpc": {"cluster_name": log.cluster, "authority": log.authority}
        },
        "disable_builtin_labels": True,
        "body": {"string_value": log.text},
        "attributes": {"values": labels},
        "formatters": [
            MessageToDict(each, preserving_proto_field_name=True) for each in formatters
        ],
    }
    return typed_struct(OTEL, value)


def _grpc(cluster: str, authority: str) -> GrpcService:
    return GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=cluster, authority=authority)
    )
