"""Tracing as a proxy starts with it; the Telemetry kind has taken its place."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.telemetry import Formatter
from meltemi.config.schema.traffic_policy import ClientTLSSettings
from meltemi.config.values import Int64, UInt32


class TraceContext(StrEnum):
    """A set of headers that carry a trace."""

    UNSPECIFIED = "UNSPECIFIED"
    W3C_TRACE_CONTEXT = "W3C_TRACE_CONTEXT"
    GRPC_BIN = "GRPC_BIN"
    CLOUD_TRACE_CONTEXT = "CLOUD_TRACE_CONTEXT"
    B3 = "B3"


class Zipkin(Message, frozen=True, kw_only=True):
    """A Zipkin collector."""

    address: str | None = None
    """``host:port``."""


class Lightstep(Message, frozen=True, kw_only=True):
    """A Lightstep satellite pool."""

    address: str | None = None
    access_token: str | None = None


class Datadog(Message, frozen=True, kw_only=True):
    """A Datadog agent."""

    address: str | None = None


class Stackdriver(Message, frozen=True, kw_only=True):
    """Google's Cloud Trace."""

    debug: bool | None = None
    max_number_of_attributes: Int64 | None = None
    max_number_of_annotations: Int64 | None = None
    max_number_of_message_events: Int64 | None = None


class OpenCensusAgent(Message, frozen=True, kw_only=True):
    """An OpenCensus agent."""

    address: str | None = None
    context: tuple[TraceContext, ...] = ()


class TagLiteral(Message, frozen=True, kw_only=True):
    """The same value always."""

    value: str | None = None


class TagEnvironment(Message, frozen=True, kw_only=True):
    """A variable of the proxy's environment."""

    name: str | None = None
    default_value: str | None = None


class TagHeader(Message, frozen=True, kw_only=True):
    """A header of the request."""

    name: str | None = None
    default_value: str | None = None


class SpanTag(OneOf, frozen=True, kw_only=True):
    """Where a span's tag comes from. One of the fields is set."""

    ONE_OF: ClassVar = (("literal", "environment", "header", "formatter"),)

    literal: TagLiteral | None = None
    environment: TagEnvironment | None = None
    header: TagHeader | None = None
    formatter: Formatter | None = None


class ProxyTracing(OneOf, frozen=True, kw_only=True):
    """Where spans go, and which."""

    ONE_OF: ClassVar = (
        ("zipkin", "lightstep", "datadog", "stackdriver", "open_census_agent"),
    )

    zipkin: Zipkin | None = None
    lightstep: Lightstep | None = None
    datadog: Datadog | None = None
    stackdriver: Stackdriver | None = None
    open_census_agent: OpenCensusAgent | None = None
    custom_tags: Mapping[str, SpanTag] = {}
    max_path_tag_length: UInt32 | None = None
    """Characters of the path kept in a span; default 256."""
    sampling: float | None = None
    """Share of requests traced, in percent; more than 100 counts as 100; default 1."""
    tls_settings: ClientTLSSettings | None = None
    enable_istio_tags: bool | None = None
    """Default true."""
