"""Who is told of spans, as Envoy's tracers.

Source: pilot/pkg/networking/core/tracing.go configureFromProviderConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.core.v3.http_service_pb2 import HttpService
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.trace.v3.datadog_pb2 import DatadogConfig
from envoy.config.trace.v3.http_tracer_pb2 import Tracing
from envoy.config.trace.v3.opentelemetry_pb2 import OpenTelemetryConfig
from envoy.config.trace.v3.skywalking_pb2 import SkyWalkingConfig
from envoy.config.trace.v3.zipkin_pb2 import ZipkinConfig
from envoy.extensions.tracers.opentelemetry.resource_detectors.v3.dynatrace_resource_detector_pb2 import (  # noqa: E501 - Envoy's name
    DynatraceResourceDetectorConfig,
)
from envoy.extensions.tracers.opentelemetry.resource_detectors.v3.environment_resource_detector_pb2 import (  # noqa: E501 - Envoy's name
    EnvironmentResourceDetectorConfig,
)
from envoy.extensions.tracers.opentelemetry.samplers.v3.dynatrace_sampler_pb2 import (
    DynatraceSamplerConfig,
)
from google.protobuf.wrappers_pb2 import BoolValue

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import duration, packed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

DETECTORS = "envoy.tracers.opentelemetry.resource_detectors"
SAMPLER = "envoy.tracers.opentelemetry.samplers.dynatrace"


def tracer(made: ir.TraceProvider) -> Tracing.Http:
    """Return ``made`` in Envoy's words."""
    match made:
        case ir.Zipkin():
            name, config = "zipkin", _zipkin(made)
        case ir.Datadog():
            name, config = "datadog", _datadog(made)
        case ir.SkyWalking():
            name, config = "skywalking", _skywalking(made)
        case ir.OpenTelemetry():
            name, config = "opentelemetry", _opentelemetry(made)
    return Tracing.Http(name=f"envoy.tracers.{name}", typed_config=packed(config))


def _zipkin(made: ir.Zipkin) -> Message:
    return ZipkinConfig(
        collector_endpoint_version=ZipkinConfig.HTTP_JSON,
        trace_id_128bit=made.wide_identifiers,
        shared_span_context=BoolValue(value=False),
        trace_context_option=(
            ZipkinConfig.USE_B3_WITH_W3C_PROPAGATION
            if made.w3c
            else ZipkinConfig.USE_B3
        ),
        collector_service=_http(made.call),
    )


def _datadog(made: ir.Datadog) -> Message:
    return DatadogConfig(
        collector_cluster=made.to.cluster,
        collector_hostname=made.to.host,
        service_name=made.to.service,
    )


def _skywalking(made: ir.SkyWalking) -> Message:
    result = SkyWalkingConfig(grpc_service=_grpc(made.to, ir.GrpcCall()))
    if made.token:
        result.client_config.backend_token = made.token
    return result


def _opentelemetry(made: ir.OpenTelemetry) -> Message:
    result = OpenTelemetryConfig(
        service_name=made.to.service, resource_detectors=list(_detectors(made))
    )
    match made.how:
        case ir.HttpCall():
            result.http_service.CopyFrom(_http(made.how))
        case ir.GrpcCall():
            result.grpc_service.CopyFrom(_grpc(made.to, made.how))
    if made.sampler is not None:
        result.sampler.CopyFrom(_sampler(made.sampler))
    return result


def _detectors(made: ir.OpenTelemetry) -> Iterator[TypedExtensionConfig]:
    if made.detect_environment:
        found = packed(EnvironmentResourceDetectorConfig())
        yield TypedExtensionConfig(name=f"{DETECTORS}.environment", typed_config=found)
    if made.detect_dynatrace:
        found = packed(DynatraceResourceDetectorConfig())
        yield TypedExtensionConfig(name=f"{DETECTORS}.dynatrace", typed_config=found)


def _sampler(made: ir.DynatraceSampler) -> TypedExtensionConfig:
    config = DynatraceSamplerConfig(
        tenant=made.tenant,
        cluster_id=made.cluster_id,
        root_spans_per_minute=made.root_spans_per_minute,
        http_service=_http(made.call),
    )
    return TypedExtensionConfig(name=SAMPLER, typed_config=packed(config))


def _http(call: ir.HttpCall) -> HttpService:
    address = HttpUri(uri=call.url, cluster=call.cluster)
    if call.timeout is not None:
        address.timeout.CopyFrom(duration(call.timeout))
    return HttpService(
        http_uri=address,
        request_headers_to_add=[
            HeaderValueOption(
                header=HeaderValue(key=name, value=value),
                append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )
            for name, value in call.headers
        ],
    )


def _grpc(to: ir.Collector, call: ir.GrpcCall) -> GrpcService:
    result = GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=to.cluster, authority=to.host),
        initial_metadata=[
            HeaderValue(key=name, value=value) for name, value in call.metadata
        ],
    )
    if call.timeout is not None:
        result.timeout.CopyFrom(duration(call.timeout))
    return result
