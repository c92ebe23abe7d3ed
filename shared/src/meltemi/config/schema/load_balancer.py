"""How a proxy picks an endpoint."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

import msgspec

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.values import Duration, UInt32, UInt64


class SimpleLB(StrEnum):
    """Algorithms without parameters."""

    UNSPECIFIED = "UNSPECIFIED"
    """LEAST_REQUEST."""
    LEAST_CONN = "LEAST_CONN"
    """Deprecated spelling of LEAST_REQUEST."""
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    """Where the connection was going: no balancing."""
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"
    """The less busy of two drawn at random."""


class HTTPCookieAttribute(Message, frozen=True, kw_only=True):
    """An attribute of a generated cookie, such as SameSite=Strict."""

    name: str
    """Such as ``SameSite``."""
    value: str | None = None
    """And its value, if it has one."""


class HTTPCookie(Message, frozen=True, kw_only=True):
    """Hash on a cookie, made where it is missing."""

    name: str
    """Which cookie decides."""
    path: str | None = None
    """Path that a made cookie is for."""
    ttl: Duration | None = None
    """Life of a made cookie; 0 is a session cookie, absent makes none."""
    attributes: tuple[HTTPCookieAttribute, ...] = ()


class RingHash(Message, frozen=True, kw_only=True):
    """Ketama hashing."""

    minimum_ring_size: UInt64 | None = None
    """Default 1024."""


class MagLev(Message, frozen=True, kw_only=True):
    """Maglev hashing."""

    table_size: UInt64 | None = None
    """A prime; default 65537."""


class ConsistentHashLB(OneOf, frozen=True, kw_only=True):
    """The same key goes to the same endpoint. One of the four keys is set."""

    ONE_OF: ClassVar = (
        (
            "http_header_name",
            "http_cookie",
            "use_source_ip",
            "http_query_parameter_name",
        ),
        ("ring_hash", "maglev"),
    )

    http_header_name: str | None = None
    """The value of a header decides."""
    http_cookie: HTTPCookie | None = None
    use_source_ip: bool | None = None
    """The client's address decides."""
    http_query_parameter_name: str | None = None
    """A parameter of the query decides."""
    ring_hash: RingHash | None = None
    """The algorithm, unless ``maglev``."""
    maglev: MagLev | None = None
    minimum_ring_size: UInt64 | None = None
    """Deprecated: ``ring_hash.minimum_ring_size``."""


class Distribute(Message, frozen=True, kw_only=True):
    """Where traffic from one locality goes."""

    from_: str | None = msgspec.field(default=None, name="from")
    """``region/zone/*`` of the client."""
    to: Mapping[str, UInt32] = {}
    """Percents by locality; they add up to 100."""


class Failover(Message, frozen=True, kw_only=True):
    """The region that takes over for another."""

    from_: str | None = msgspec.field(default=None, name="from")
    """The region of the client."""
    to: str | None = None
    """Where its traffic goes when that region fails."""


class LocalityLoadBalancerSetting(Message, frozen=True, kw_only=True):
    """Prefers near endpoints. At most one of the three lists is set."""

    distribute: tuple[Distribute, ...] = ()
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    """Labels (``key`` or ``key=value``) that make endpoints near, strongest first."""
    enabled: bool | None = None
    """Default: the mesh's setting."""


class ZoneAwareLoadBalancerSetting(Message, frozen=True, kw_only=True):
    """Keeps traffic in its zone as far as the zones' sizes allow."""

    enabled: bool | None = None
    """Default: as the mesh."""
    min_cluster_size: UInt32 | None = None
    """Endpoints below which zones are ignored; at least 1; default Envoy's, 6."""
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    """Labels, from the one that counts most."""


class WarmupConfiguration(Message, frozen=True, kw_only=True):
    """Raises the share of a new endpoint slowly."""

    duration: Duration
    """How long a new endpoint is new."""
    minimum_percent: float | None = None
    """Share it begins with, 0..100; default 10."""
    aggression: float | None = None
    """At least 1; 1 is linear; default 1."""


class BackendUtilization(Message, frozen=True, kw_only=True):
    """Weights endpoints by the load they report (ORCA)."""

    weight_expiration_period: Duration | None = None
    """Without a report for so long a weight is forgotten."""
    weight_stabilization_period: Duration | None = None
    """A report counts after so long."""
    weight_update_period: Duration | None = None
    """Between two computations of weights."""
    error_utilization_penalty_percent: UInt32 | None = None
    """By how much errors lower a weight."""
    metric_names_for_computing_utilization: tuple[str, ...] = ()
    """Which reported metrics count."""


class LoadBalancerSettings(OneOf, frozen=True, kw_only=True):
    """At most one of ``simple``, ``consistent_hash``, ``backend_utilization``."""

    ONE_OF: ClassVar = (("simple", "consistent_hash", "backend_utilization"),)

    simple: SimpleLB | None = None
    """Default LEAST_REQUEST."""
    consistent_hash: ConsistentHashLB | None = None
    backend_utilization: BackendUtilization | None = None
    locality_lb_setting: LocalityLoadBalancerSetting | None = None
    zone_aware_lb_setting: ZoneAwareLoadBalancerSetting | None = None
    """Not together with ``locality_lb_setting``."""
    warmup_duration_secs: Duration | None = None
    """Deprecated: ``warmup.duration``."""
    warmup: WarmupConfiguration | None = None
