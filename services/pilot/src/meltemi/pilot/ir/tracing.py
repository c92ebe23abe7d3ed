"""Which requests are traced, what their spans say, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TagSource(StrEnum):
    """Where a tag's value is taken from."""

    LITERAL = "literal"
    ENVIRONMENT = "environment"
    HEADER = "header"
    DRY_RUN = "dry-run"
    """The RBAC filter's shadow verdict under the key ``value``."""
    FORMATTER = "formatter"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of every span; ``default`` is for what is not there."""

    name: str
    source: TagSource
    value: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Collector:
    """A service that takes spans: the cluster it is in, and its host."""

    cluster: str
    host: str
    service: str = ""
    """What the proxy calls itself."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """How something is asked or told over HTTP."""

    cluster: str
    url: str
    timeout: int | None = None
    """Nanoseconds."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class GrpcCall:
    """How something is told over gRPC."""

    timeout: int | None = None
    """Nanoseconds; None: Envoy's own."""
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Zipkin:
    """Spans in Zipkin's JSON."""

    call: HttpCall
    wide_identifiers: bool = True
    """Trace ids of 128 bits."""
    w3c: bool = False
    """Understand and pass on W3C's headers beside B3's."""


@dataclass(frozen=True, slots=True)
class Datadog:
    """Spans for a Datadog agent."""

    to: Collector


@dataclass(frozen=True, slots=True)
class SkyWalking:
    """Spans for a SkyWalking receiver."""

    to: Collector
    token: str = ""


@dataclass(frozen=True, slots=True)
class DynatraceSampler:
    """Dynatrace's adaptive sampling."""

    tenant: str
    cluster_id: int
    root_spans_per_minute: int
    call: HttpCall


@dataclass(frozen=True, slots=True)
class OpenTelemetry:
    """Spans in OTLP, by one of two ways."""

    to: Collector
    how: HttpCall | GrpcCall
    detect_environment: bool = False
    detect_dynatrace: bool = False
    sampler: DynatraceSampler | None = None


TraceProvider = Zipkin | Datadog | SkyWalking | OpenTelemetry


@dataclass(frozen=True, slots=True)
class Tracing:
    """Sampling in percent, and what spans carry."""

    client: float = 100.0
    random: float = 1.0
    overall: float = 100.0
    tags: tuple[Tag, ...] = ()
    provider: TraceProvider | None = None
    max_path_length: int | None = None
    child_span: bool = False
    use_request_id: bool = True
    """Whether the request id says if a request is sampled."""
