"""Telemetry: which traces, metrics and logs proxies write."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.selector import PolicySelector
from meltemi.config.schema.target import PolicyTargetReference
from meltemi.config.values import Duration, Percentage


class WorkloadMode(StrEnum):
    """On which side of a call."""

    CLIENT_AND_SERVER = "CLIENT_AND_SERVER"
    CLIENT = "CLIENT"
    """What the workload sends; at gateways everything."""
    SERVER = "SERVER"
    """What the workload receives."""


class IstioMetric(StrEnum):
    """Istio's standard metrics (MetricSelector.IstioMetric)."""

    ALL_METRICS = "ALL_METRICS"
    REQUEST_COUNT = "REQUEST_COUNT"
    REQUEST_DURATION = "REQUEST_DURATION"
    REQUEST_SIZE = "REQUEST_SIZE"
    RESPONSE_SIZE = "RESPONSE_SIZE"
    TCP_OPENED_CONNECTIONS = "TCP_OPENED_CONNECTIONS"
    TCP_CLOSED_CONNECTIONS = "TCP_CLOSED_CONNECTIONS"
    TCP_SENT_BYTES = "TCP_SENT_BYTES"
    TCP_RECEIVED_BYTES = "TCP_RECEIVED_BYTES"
    GRPC_REQUEST_MESSAGES = "GRPC_REQUEST_MESSAGES"
    GRPC_RESPONSE_MESSAGES = "GRPC_RESPONSE_MESSAGES"


class TagOperation(StrEnum):
    """What is done with a tag of a metric."""

    UPSERT = "UPSERT"
    """Set it to ``value``."""
    REMOVE = "REMOVE"


class ProviderRef(Message, frozen=True, kw_only=True):
    """Somebody who takes telemetry."""

    name: str
    """A name among the mesh's extension providers."""


class SideMatch(Message, frozen=True, kw_only=True):
    """The side of the call it holds for."""

    mode: WorkloadMode | None = None
    """Default CLIENT_AND_SERVER."""


class Literal(Message, frozen=True, kw_only=True):
    """The same value always."""

    value: str
    """Always this."""


class Environment(Message, frozen=True, kw_only=True):
    """A variable of the proxy's environment."""

    name: str
    """Which variable of the proxy's environment."""
    default_value: str | None = None
    """Where it is not set."""


class RequestHeader(Message, frozen=True, kw_only=True):
    """A header of the request."""

    name: str
    """Which header's value."""
    default_value: str | None = None
    """Default: no tag."""


class Formatter(Message, frozen=True, kw_only=True):
    """Envoy's format string."""

    value: str
    """In the words of an access log format."""


class CustomTag(OneOf, frozen=True, kw_only=True):
    """Where a span's tag comes from. One of the fields is set."""

    ONE_OF: ClassVar = (("literal", "environment", "header", "formatter"),)

    literal: Literal | None = None
    environment: Environment | None = None
    header: RequestHeader | None = None
    formatter: Formatter | None = None


class Tracing(Message, frozen=True, kw_only=True):
    """How calls are traced."""

    match: SideMatch | None = None
    providers: tuple[ProviderRef, ...] = ()
    """Default: the mesh's; Envoy takes one."""
    random_sampling_percentage: Percentage | None = None
    """Share of requests traced when nobody asked for it; default: the mesh's."""
    disable_span_reporting: bool | None = None
    """Whether no span is reported; default: as the level above."""
    disable_context_propagation: bool | None = None
    """Whether headers of traces are left alone."""
    custom_tags: Mapping[str, CustomTag] = {}
    use_request_id_for_trace_sampling: bool | None = None
    """Keep the decision in the request id; default true."""
    enable_istio_tags: bool | None = None
    """Default true."""


class MetricSelector(OneOf, frozen=True, kw_only=True):
    """Which metrics; absent matches all."""

    ONE_OF: ClassVar = (("metric", "custom_metric"),)

    metric: IstioMetric | None = None
    """One of Istio's."""
    custom_metric: str | None = None
    """One of somebody else, by name."""
    mode: WorkloadMode | None = None
    """Reported by whom; default by both ends."""


class TagOverride(Message, frozen=True, kw_only=True):
    """What becomes of one tag."""

    operation: TagOperation | None = None
    """Default UPSERT."""
    value: str | None = None
    """A CEL expression; for UPSERT only, which needs it."""


class MetricsOverrides(Message, frozen=True, kw_only=True):
    """A change of some metrics."""

    match: MetricSelector | None = None
    disabled: bool | None = None
    """Whether the metric is left out; default: as the level above."""
    tag_overrides: Mapping[str, TagOverride] = {}


class Metrics(Message, frozen=True, kw_only=True):
    """How calls are counted."""

    providers: tuple[ProviderRef, ...] = ()
    overrides: tuple[MetricsOverrides, ...] = ()
    reporting_interval: Duration | None = None
    """Of TCP metrics, at least 1 ms; default 5 s."""


class AccessLogFilter(Message, frozen=True, kw_only=True):
    """Which calls are logged."""

    expression: str | None = None
    """A CEL expression on Envoy's attributes."""


class AccessLogging(Message, frozen=True, kw_only=True):
    """How calls are logged."""

    match: SideMatch | None = None
    providers: tuple[ProviderRef, ...] = ()
    disabled: bool | None = None
    """Whether nothing is logged; default: as the level above."""
    filter: AccessLogFilter | None = None


class Telemetry(Message, frozen=True, kw_only=True):
    """Telemetry of the selected workloads, a namespace, or the mesh."""

    selector: PolicySelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Deprecated: ``target_refs``."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    """Instead of the selector, for gateways and waypoints."""
    tracing: tuple[Tracing, ...] = ()
    metrics: tuple[Metrics, ...] = ()
    access_logging: tuple[AccessLogging, ...] = ()
