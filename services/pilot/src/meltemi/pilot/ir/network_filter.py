"""Filters of a connection that look at bytes, and the one that passes them on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.cluster import HostCache
    from meltemi.pilot.ir.metric import AccessLog
    from meltemi.pilot.ir.route import HashPolicy, Target


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Bytes are sent within an HTTP CONNECT or POST request."""

    host: str
    """``HOST:PORT`` that the far end is asked for."""
    post: bool = False


@dataclass(frozen=True, slots=True)
class TcpFilter:
    """Pass bytes on to clusters by weight. Durations are nanoseconds."""

    stat_prefix: str
    targets: tuple[Target, ...]
    idle_timeout: int | None = None
    max_duration: int | None = None
    hash: tuple[HashPolicy, ...] = ()
    tunnel: Tunnel | None = None
    silent: bool = False
    """Nobody is told of its connections: they end here, and are no one's."""
    access_logs: tuple[AccessLog, ...] = ()
    count_openings: bool = False
    """Tell the logs of a connection when it is open, too."""


@dataclass(frozen=True, slots=True)
class LookupByServerName:
    """Look up the host that a TLS client asks for, on a port."""

    cache: HostCache
    port: int


@dataclass(frozen=True, slots=True)
class MongoStatistics:
    """Count MongoDB's operations."""

    stat_prefix: str


NetworkFilter = LookupByServerName | MongoStatistics
