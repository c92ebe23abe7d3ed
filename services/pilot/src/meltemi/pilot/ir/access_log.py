"""What a proxy writes of every request or connection, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which requests are written; all of the conditions must hold."""

    expression: str = ""
    """CEL; empty: every one."""
    flags: tuple[str, ...] = ()
    """Only those with one of Envoy's response flags; empty: every one."""
    moments: tuple[str, ...] = ()
    """Only at these times of a connection (Envoy's AccessLogType); empty: at all."""
    grpc: bool | None = None
    """Only requests that are gRPC, or that are not; None: both."""


@dataclass(frozen=True, slots=True)
class FileLog:
    """Lines appended to a file.

    Attributes:
        path: ``/dev/stdout`` is the proxy's own output.
        text: A line's format, in Envoy's command operators; empty: ``fields``.
        fields: A JSON object's fields and their formats, nested ones as JSON text.
        only: Which requests are written.

    """

    path: str
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    only: LogFilter = LogFilter()
    omit_empty: bool = False
    """Write nothing for what is not known; else ``-`` or ``null``."""


@dataclass(frozen=True, slots=True)
class ServiceLog:
    """Entries sent to a gRPC access log service."""

    cluster: str
    authority: str
    log_name: str
    tcp: bool
    request_headers: tuple[str, ...] = ()
    response_headers: tuple[str, ...] = ()
    trailers: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    only: LogFilter = LogFilter()


@dataclass(frozen=True, slots=True)
class OtelLog:
    """Records sent to an OpenTelemetry collector."""

    cluster: str
    authority: str
    log_name: str
    text: str
    labels: tuple[tuple[str, str], ...] = ()
    only: LogFilter = LogFilter()


Written = FileLog | ServiceLog | OtelLog
"""A log that somebody reads, line by line."""
