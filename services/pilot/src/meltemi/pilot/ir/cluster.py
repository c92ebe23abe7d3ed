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
    ORIGINAL_DST = "original-dst"
    """Where the application's connection was going anyway."""
    PER_REQUEST = "per-request"
    """The host of each request is looked up."""


class Balancing(StrEnum):
    """How Envoy picks one endpoint."""

    LEAST_REQUEST = "least-request"
    ROUND_ROBIN = "round-robin"
    RANDOM = "random"
    RING_HASH = "ring-hash"
    MAGLEV = "maglev"
    GIVEN = "given"
    """By the connection or the request itself: there is nothing to pick."""


class Families(StrEnum):
    """Which addresses of a name are used."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    EITHER = "either"
    """IPv4 unless there is none."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Lookup:
    """How names are resolved. Durations are nanoseconds; None: Envoy's."""

    families: Families = Families.EITHER
    refresh: int | None = 60 * SECOND
    jitter: int = 0
    udp_queries: int = 0
    """Queries on one UDP socket before it is replaced; 0: any number."""


@dataclass(frozen=True, slots=True)
class HostCache:
    """Addresses of the hosts that requests named."""

    name: str
    families: Families
    hosts: int = 0
    """The most it holds; 0: Envoy's own limit."""
    insecure: bool = False
    """Certificates need not be for the host that was asked for."""


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """A policy and, for the hashing ones, the size of its table (0: Envoy's)."""

    policy: Balancing = Balancing.LEAST_REQUEST
    table_size: int = 0
    warmup: int = 0
    """Nanoseconds over which a new endpoint is brought up to full load."""
    warmup_aggression: float | None = None
    warmup_minimum_percent: float | None = None
    weighted_localities: bool = False


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries as a share of the requests in flight, instead of a number."""

    percent: float | None = None
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Circuit breaker thresholds."""

    connections: int = UNLIMITED
    pending_requests: int = UNLIMITED
    requests: int = UNLIMITED
    retries: int = UNLIMITED
    budget: RetryBudget | None = None


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
    max_duration: int | None = None
    keepalive_interval: int | None = None
    keepalive_timeout: int | None = None
    server_name_from_host: bool = False
    """Ask for the certificate of the host that the request names."""
    verify_host: bool = False
    """The certificate must be for the host that the request names."""
    error_codes: tuple[int, ...] = ()
    """Statuses that count as errors for outlier detection."""
    keep_header_case: bool = False
    strange: bool = False
    """Whether servers are not of the mesh: what it is told of callers is taken out."""


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
    stat_name: str = ""
    """What its counters are called; empty: as the cluster."""
    discovery: Discovery = Discovery.EDS
    lookup: Lookup | None = None
    """For the DNS discoveries."""
    cache: HostCache | None = None
    """For `Discovery.PER_REQUEST`."""
    connect_timeout: int | None = 10 * SECOND
    load_balancer: LoadBalancer = field(default_factory=LoadBalancer)
    limits: Limits | None = field(default_factory=Limits)
    keepalive: Keepalive | None = None
    outlier: OutlierDetection | None = None
    buffer_limit: int | None = None
    """Bytes of a connection that may be waiting; None: Envoy's own limit."""
    panic_threshold: int | None = None
    """Percent of healthy endpoints below which all are used; None: not set."""
    keep_draining: bool = False
    """Endpoints that drain may still be chosen by an override."""
    http: HttpOptions | None = None
    client: Client = field(default_factory=PlainClient)
    members: LoadAssignment | None = None
    """Fixed endpoints, for clusters that don't ask for them."""
    source_addresses: tuple[str, ...] = ()
    """What connections come from; the capture rules let those through."""
    netns: str = ""
    """The network namespace they are made in, a file; empty: the proxy's own."""
    keep_destinations: bool = False
    """Never forget an original destination that was idle."""
    port_override: int = 0
    """The port to go to instead of the original destination's."""
    services: tuple[ServiceLabel, ...] = ()
    external: bool = False
    counted: bool = False
    """Whether metrics ask for its service."""
    own_alpn: bool = False
    """What the client offers is the user's business, not the mesh's."""
    subset: str = ""
    origins: Origins = ()
