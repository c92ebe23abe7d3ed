"""WorkloadGroup: what many workloads of one make have in common."""

from collections.abc import Mapping
from typing import ClassVar

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.values import NaturalInt32, UInt32


class GroupMetadata(Message, frozen=True, kw_only=True):
    """Metadata every WorkloadEntry of the group gets."""

    labels: Mapping[str, str] = {}
    """Labels of every WorkloadEntry of the group."""
    annotations: Mapping[str, str] = {}
    """Their annotations."""


class HTTPHeader(Message, frozen=True, kw_only=True):
    """A header a probe sends."""

    name: str | None = None
    """Which header to send."""
    value: str | None = None
    """And what it says."""


class HTTPHealthCheckConfig(Message, frozen=True, kw_only=True):
    """Healthy while a GET is answered with 200..399."""

    path: str | None = None
    """Path of the request."""
    port: UInt32
    """1..65535."""
    host: str | None = None
    """Default: the workload's own address."""
    scheme: str | None = None
    """HTTP (default) or HTTPS."""
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPHealthCheckConfig(Message, frozen=True, kw_only=True):
    """Healthy while a connection can be opened."""

    host: str | None = None
    """Default localhost."""
    port: UInt32
    """1..65535."""


class ExecHealthCheckConfig(Message, frozen=True, kw_only=True):
    """Healthy while a command ends with 0."""

    command: tuple[str, ...] = ()
    """The program and its arguments; no shell reads them."""


class GrpcHealthCheckConfig(Message, frozen=True, kw_only=True):
    """Healthy while grpc.health.v1 says SERVING."""

    port: UInt32 | None = None
    """1..65535."""
    service: str | None = None
    """Default the empty name, which is the server as a whole."""


class ReadinessProbe(OneOf, frozen=True, kw_only=True):
    """How a workload is asked whether it is ready. One of the methods is set."""

    ONE_OF: ClassVar = (("http_get", "tcp_socket", "exec", "grpc"),)

    initial_delay_seconds: NaturalInt32 | None = None
    """Wait before the first probe; default 0."""
    timeout_seconds: NaturalInt32 | None = None
    """Longest an answer may take; default 1."""
    period_seconds: NaturalInt32 | None = None
    """Time between probes; default 10."""
    success_threshold: NaturalInt32 | None = None
    """Answers in a row that make it ready; default 1."""
    failure_threshold: NaturalInt32 | None = None
    """Failures in a row that end it; default 3."""
    http_get: HTTPHealthCheckConfig | None = None
    tcp_socket: TCPHealthCheckConfig | None = None
    exec: ExecHealthCheckConfig | None = None
    grpc: GrpcHealthCheckConfig | None = None


class WorkloadGroup(Message, frozen=True, kw_only=True):
    """A template that registered workloads are made from."""

    metadata: GroupMetadata | None = None
    template: WorkloadEntry
    """Without an address: each workload has its own."""
    probe: ReadinessProbe | None = None
    """Default: a registered workload is ready."""
