"""Services that other kinds refer to by name: authorizers, tracers, log sinks."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

import msgspec

from meltemi.config.schema.free_form import FreeForm
from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.proxy_tracing import TraceContext
from meltemi.config.values import Duration, Int32, Int64, UInt32


class Provider(Message, frozen=True, kw_only=True):
    """Where a provider is found."""

    service: str
    """``[namespace/]host`` of a service the mesh knows."""
    port: UInt32


class RequestBody(Message, frozen=True, kw_only=True):
    """How much of a request's body an authorizer sees."""

    max_request_bytes: UInt32 | None = None
    """Requests above it are answered 413, unless a part may be sent."""
    allow_partial_message: bool | None = None
    pack_as_bytes: bool | None = None
    """For gRPC: send it as bytes, not as UTF-8."""


class EnvoyExtAuthzHttp(Provider, frozen=True, kw_only=True):
    """An authorizer that speaks HTTP."""

    timeout: Duration | None = None
    """Default 600 s."""
    path_prefix: str | None = None
    fail_open: bool | None = None
    """Let requests pass while it cannot be reached; default false."""
    clear_route_cache: bool | None = None
    status_on_error: str | None = None
    """HTTP code while it cannot be reached; default 403."""
    include_headers_in_check: tuple[str, ...] = ()
    """Deprecated: ``include_request_headers_in_check``."""
    include_request_headers_in_check: tuple[str, ...] = ()
    """Names, may begin or end with ``*``."""
    include_additional_headers_in_check: Mapping[str, str] = {}
    include_request_body_in_check: RequestBody | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()


class EnvoyExtAuthzGrpc(Provider, frozen=True, kw_only=True):
    """An authorizer that speaks gRPC."""

    timeout: Duration | None = None
    """Default 600 s."""
    fail_open: bool | None = None
    clear_route_cache: bool | None = None
    status_on_error: str | None = None
    include_request_body_in_check: RequestBody | None = None


class ProviderHeader(Message, frozen=True, kw_only=True):
    """A header sent to a provider."""

    name: str
    value: str | None = None
    env_name: str | None = None
    """A variable of the control plane's environment that holds the value."""


class ZipkinTraceContext(StrEnum):
    """Which headers carry a trace."""

    USE_B3 = "USE_B3"
    USE_B3_WITH_W3C_PROPAGATION = "USE_B3_WITH_W3C_PROPAGATION"


class ZipkinProvider(Provider, frozen=True, kw_only=True):
    """A Zipkin collector."""

    max_tag_length: UInt32 | None = None
    enable_64bit_trace_id: bool | None = msgspec.field(
        default=None, name="enable64bitTraceId"
    )
    path: str | None = None
    """Default /api/v2/spans."""
    trace_context_option: ZipkinTraceContext | None = None
    timeout: Duration | None = None
    """Default 5 s."""
    headers: tuple[ProviderHeader, ...] = ()


class LightstepProvider(Provider, frozen=True, kw_only=True):
    """A Lightstep collector."""

    access_token: str | None = None
    max_tag_length: UInt32 | None = None


class DatadogProvider(Provider, frozen=True, kw_only=True):
    """A Datadog agent."""

    max_tag_length: UInt32 | None = None


class SkyWalkingProvider(Provider, frozen=True, kw_only=True):
    """A SkyWalking receiver."""

    access_token: str | None = None


class StackdriverLogging(Message, frozen=True, kw_only=True):
    """What its log entries say."""

    labels: Mapping[str, str] = {}


class StackdriverProvider(Message, frozen=True, kw_only=True):
    """Google's Cloud Trace and Logging."""

    debug: bool | None = None
    max_number_of_attributes: Int64 | None = None
    max_number_of_annotations: Int64 | None = None
    max_number_of_message_events: Int64 | None = None
    max_tag_length: UInt32 | None = None
    logging: StackdriverLogging | None = None


class OpenCensusProvider(Provider, frozen=True, kw_only=True):
    """An OpenCensus agent."""

    context: tuple[TraceContext, ...] = ()
    max_tag_length: UInt32 | None = None


class HttpService(Message, frozen=True, kw_only=True):
    """How a provider is spoken to over HTTP."""

    path: str | None = None
    timeout: Duration | None = None
    """Default 3 s."""
    headers: tuple[ProviderHeader, ...] = ()


class GrpcService(Message, frozen=True, kw_only=True):
    """How a provider is spoken to over gRPC."""

    timeout: Duration | None = None
    initial_metadata: tuple[ProviderHeader, ...] = ()


class EnvironmentDetector(Message, frozen=True, kw_only=True):
    """Attributes from OTEL_RESOURCE_ATTRIBUTES."""


class DynatraceDetector(Message, frozen=True, kw_only=True):
    """Attributes from Dynatrace's enrichment files."""


class ResourceDetectors(Message, frozen=True, kw_only=True):
    """Where the attributes of a span's resource come from."""

    environment: EnvironmentDetector | None = None
    dynatrace: DynatraceDetector | None = None


class DynatraceApi(Provider, frozen=True, kw_only=True):
    """Where the sampler's settings come from."""

    http: HttpService


class DynatraceSampler(Message, frozen=True, kw_only=True):
    """Dynatrace's adaptive sampler."""

    tenant: str
    cluster_id: Int32
    root_spans_per_minute: UInt32 | None = None
    """Until the settings are there; default 1000."""
    http_service: DynatraceApi | None = None


class OpenTelemetryProvider(Provider, frozen=True, kw_only=True):
    """A collector that takes OTLP, over gRPC unless ``http``."""

    max_tag_length: UInt32 | None = None
    http: HttpService | None = None
    grpc: GrpcService | None = None
    resource_detectors: ResourceDetectors | None = None
    dynatrace_sampler: DynatraceSampler | None = None


class PrometheusProvider(Message, frozen=True, kw_only=True):
    """Metrics for Prometheus to fetch."""


class FileLogFormat(OneOf, frozen=True, kw_only=True):
    """A line of text, or a JSON object. One of the fields is set."""

    ONE_OF: ClassVar = (("text", "labels"),)

    text: str | None = None
    """Envoy's format string; a newline is added where it is missing."""
    labels: FreeForm | None = None
    """Values are format strings."""


class EnvoyFileAccessLog(Message, frozen=True, kw_only=True):
    """A file."""

    path: str | None = None
    """Default /dev/stdout."""
    log_format: FileLogFormat | None = None
    omit_empty_values: bool | None = None


class EnvoyHttpAls(Provider, frozen=True, kw_only=True):
    """Envoy's access log service, for HTTP."""

    log_name: str | None = None
    filter_state_objects_to_log: tuple[str, ...] = ()
    additional_request_headers_to_log: tuple[str, ...] = ()
    additional_response_headers_to_log: tuple[str, ...] = ()
    additional_response_trailers_to_log: tuple[str, ...] = ()


class EnvoyTcpAls(Provider, frozen=True, kw_only=True):
    """Envoy's access log service, for TCP."""

    log_name: str | None = None
    filter_state_objects_to_log: tuple[str, ...] = ()


class OtelLogFormat(Message, frozen=True, kw_only=True):
    """The body and the attributes of a log record."""

    text: str | None = None
    labels: FreeForm | None = None


class EnvoyOtelAls(Provider, frozen=True, kw_only=True):
    """A collector that takes OTLP logs."""

    log_name: str | None = None
    log_format: OtelLogFormat | None = None


class SDSProvider(Provider, frozen=True, kw_only=True):
    """A server of gateways' secrets: ``sds://NAME`` in a ``credentialName``."""

    name: str


class ExtensionProvider(OneOf, frozen=True, kw_only=True):
    """A named provider. One of the fields after the name is set."""

    ONE_OF: ClassVar = (
        (
            *("envoy_ext_authz_http", "envoy_ext_authz_grpc", "zipkin", "lightstep"),
            *("datadog", "stackdriver", "opencensus", "skywalking", "opentelemetry"),
            *("prometheus", "envoy_file_access_log", "envoy_http_als"),
            *("envoy_tcp_als", "envoy_otel_als", "sds"),
        ),
    )

    name: str
    """Unique in the mesh."""
    envoy_ext_authz_http: EnvoyExtAuthzHttp | None = None
    envoy_ext_authz_grpc: EnvoyExtAuthzGrpc | None = None
    zipkin: ZipkinProvider | None = None
    lightstep: LightstepProvider | None = None
    datadog: DatadogProvider | None = None
    stackdriver: StackdriverProvider | None = None
    opencensus: OpenCensusProvider | None = None
    skywalking: SkyWalkingProvider | None = None
    opentelemetry: OpenTelemetryProvider | None = None
    prometheus: PrometheusProvider | None = None
    envoy_file_access_log: EnvoyFileAccessLog | None = None
    envoy_http_als: EnvoyHttpAls | None = None
    envoy_tcp_als: EnvoyTcpAls | None = None
    envoy_otel_als: EnvoyOtelAls | None = None
    sds: SDSProvider | None = None
