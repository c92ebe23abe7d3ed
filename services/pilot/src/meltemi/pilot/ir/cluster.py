"""A group of endpoints Envoy may send to, and how it treats them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.pilot.ir.tls import Client, PlainClient

if TYPE_CHECKING:
    from meltemi.pilot.ir.endpoint import LoadAssignment
    from meltemi.pilot.ir.origin import Origins

UNLIMITED = 2**32 - 1
"""Istio's default for every limit: Envoy's own (1024, 3 retries) are too small."""

SECOND = 1_000_000_000
"""Durations in the IR are integers of nanoseconds."""


class Discovery(StrEnum):
    """How Envoy learns the endpoints."""

    EDS = "eds"
    STATIC = "static"
    STRICT_DNS = "strict-dns"
    LOGICAL_DNS = "logical-dns"


class Balancing(StrEnum):
    """How Envoy picks one endpoint."""

    LEAST_REQUEST = "least-request"
    ROUND_ROBIN = "round-robin"
    RANDOM = "random"
    RING_HASH = "ring-hash"
    MAGLEV = "maglev"


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A policy and, for the hashing ones, the size of its table (0: Envoy's)."""

    policy: Balancing = Balancing.LEAST_REQUEST
    table_size: int = 0
    warmup: int = 0
    """Nanoseconds over which a new endpoint is brought up to full load."""
    warmup_aggression: float = 1.0
    warmup_minimum_percent: float = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Circuit breaker thresholds."""

    connections: int = UNLIMITED
    pending_requests: int = UNLIMITED
    requests: int = UNLIMITED
    retries: int = UNLIMITED


@dataclass(frozen=True, slots=True)
class Keepalive:
    """TCP probes: how many, how often (seconds); 0 leaves it to the system."""

    probes: int = 0
    time: int = 0
    interval: int = 0


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """When an endpoint that keeps failing is left out for a while.

    None leaves Envoy's default; 0 turns that criterion off.
    """

    consecutive_5xx: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_local_failures: int | None = None
    split_local_errors: bool = False
    interval: int | None = None
    base_ejection_time: int | None = None
    max_ejection_percent: int | None = None


class HttpVersion(StrEnum):
    """What Envoy speaks to the endpoints."""

    HTTP1 = "http1"
    HTTP2 = "http2"
    AS_CALLER = "as-caller"


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Limits of an HTTP connection to an endpoint; 0 and None mean none."""

    version: HttpVersion = HttpVersion.HTTP1
    max_requests_per_connection: int = 0
    max_concurrent_streams: int = 0
    idle_timeout: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceLabel:
    """The service a cluster stands for: metrics and tools read it."""

    host: str
    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Envoy cluster. Durations are nanoseconds."""

    name: str
    discovery: Discovery = Discovery.EDS
    connect_timeout: int = 10 * SECOND
    load_balancer: LoadBalancer = field(default_factory=LoadBalancer)
    limits: Limits = field(default_factory=Limits)
    keepalive: Keepalive | None = None
    outlier: OutlierDetection | None = None
    panic_threshold: int | None = None
    """Percent of healthy endpoints below which all are used; None: not set."""
    http: HttpOptions | None = None
    client: Client = field(default_factory=PlainClient)
    members: LoadAssignment | None = None
    """Fixed endpoints, for clusters that don't ask for them."""
    service: ServiceLabel | None = None
    subset: str = ""
    origins: Origins = ()
