"""A DestinationRule's traffic policy, applied to a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.config.schema.load_balancer import SimpleLB
from meltemi.config.schema.traffic_policy import H2UpgradePolicy
from meltemi.pilot import ir

if TYPE_CHECKING:
    from meltemi.config.schema.load_balancer import (
        ConsistentHashLB,
        LoadBalancerSettings,
    )
    from meltemi.config.schema.traffic_policy import (
        ConnectionPoolSettings,
        HTTPSettings,
        OutlierDetection,
        TcpKeepalive,
        TrafficPolicy,
    )
    from meltemi.config.values import Duration
    from meltemi.pilot.model.service import Port

SIMPLE = {
    SimpleLB.ROUND_ROBIN: ir.Balancing.ROUND_ROBIN,
    SimpleLB.RANDOM: ir.Balancing.RANDOM,
}
"""Every other word, and none at all, is least request: Istio's default."""


def apply(cluster: ir.Cluster, policy: TrafficPolicy, port: Port) -> ir.Cluster:
    """Return ``cluster`` under ``policy``, but for its TLS."""
    if policy.connection_pool:
        cluster = _pooled(cluster, policy.connection_pool, port)
    if policy.load_balancer:
        balancer = load_balancer(policy.load_balancer)
        cluster = replace(cluster, load_balancer=balancer)
    if policy.outlier_detection:
        cluster = replace(
            cluster,
            outlier=_outlier(policy.outlier_detection),
            panic_threshold=policy.outlier_detection.min_health_percent or 0,
        )
    return cluster


def load_balancer(settings: LoadBalancerSettings) -> ir.LoadBalancer:
    """Return how an endpoint is picked."""
    if settings.consistent_hash:
        return _hashing(settings.consistent_hash)
    simple = settings.simple or SimpleLB.UNSPECIFIED
    balancer = ir.LoadBalancer(SIMPLE.get(simple, ir.Balancing.LEAST_REQUEST))
    warmup = settings.warmup
    if warmup:
        return replace(
            balancer,
            warmup=warmup.duration.nanoseconds,
            warmup_aggression=warmup.aggression or 1.0,
            warmup_minimum_percent=(
                10.0 if warmup.minimum_percent is None else warmup.minimum_percent
            ),
        )
    if settings.warmup_duration_secs:
        return replace(balancer, warmup=settings.warmup_duration_secs.nanoseconds)
    return balancer


def _hashing(settings: ConsistentHashLB) -> ir.LoadBalancer:
    if settings.maglev:
        size = settings.maglev.table_size or 0
        return ir.LoadBalancer(ir.Balancing.MAGLEV, table_size=size)
    ring = settings.ring_hash.minimum_ring_size if settings.ring_hash else None
    size = ring or settings.minimum_ring_size or 0
    return ir.LoadBalancer(ir.Balancing.RING_HASH, table_size=size)


def hash_policies(settings: LoadBalancerSettings | None) -> tuple[ir.HashPolicy, ...]:
    """Return what requests to a cluster under ``settings`` are hashed on."""
    hashing = settings.consistent_hash if settings else None
    if hashing is None:
        return ()
    if hashing.http_header_name:
        return (ir.HashPolicy(ir.HashOn.HEADER, hashing.http_header_name),)
    if hashing.http_cookie:
        cookie = hashing.http_cookie
        ttl = cookie.ttl.nanoseconds if cookie.ttl else None
        path = cookie.path or ""
        return (ir.HashPolicy(ir.HashOn.COOKIE, cookie.name, path, ttl),)
    if hashing.http_query_parameter_name:
        return (ir.HashPolicy(ir.HashOn.QUERY, hashing.http_query_parameter_name),)
    return (ir.HashPolicy(ir.HashOn.SOURCE_IP),) if hashing.use_source_ip else ()


def _pooled(
    cluster: ir.Cluster, pool: ConnectionPoolSettings, port: Port
) -> ir.Cluster:
    limits = cluster.limits
    if pool.tcp:
        if pool.tcp.max_connections:
            limits = replace(limits, connections=pool.tcp.max_connections)
        if pool.tcp.connect_timeout:
            timeout = pool.tcp.connect_timeout.nanoseconds
            cluster = replace(cluster, connect_timeout=timeout)
        if pool.tcp.tcp_keepalive:
            probes = _keepalive(pool.tcp.tcp_keepalive)
            cluster = replace(cluster, keepalive=probes)
    if pool.http:
        limits = replace(
            limits,
            pending_requests=pool.http.http1_max_pending_requests or ir.UNLIMITED,
            requests=pool.http.http2_max_requests or ir.UNLIMITED,
            retries=pool.http.max_retries or ir.UNLIMITED,
        )
    if port.protocol.is_http and cluster.http:
        options = _http(cluster.http, pool)
        cluster = replace(cluster, http=options)
    return replace(cluster, limits=limits)


def _http(options: ir.HttpOptions, pool: ConnectionPoolSettings) -> ir.HttpOptions:
    settings = pool.http
    if settings is None:
        tcp_idle = pool.tcp.idle_timeout if pool.tcp else None
        return replace(options, idle_timeout=_nanoseconds(tcp_idle))
    return replace(
        options,
        version=_version(options.version, settings),
        max_requests_per_connection=settings.max_requests_per_connection or 0,
        max_concurrent_streams=settings.max_concurrent_streams or 0,
        idle_timeout=_nanoseconds(settings.idle_timeout),
    )


def _version(declared: ir.HttpVersion, settings: HTTPSettings) -> ir.HttpVersion:
    """Return what to speak: the caller's word beats an upgrade, that the port's."""
    if settings.use_client_protocol:
        return ir.HttpVersion.AS_CALLER
    if settings.h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        return ir.HttpVersion.HTTP2
    return declared


def _keepalive(probes: TcpKeepalive) -> ir.Keepalive:
    return ir.Keepalive(
        probes=probes.probes or 0,
        time=int(probes.time.seconds) if probes.time else 0,
        interval=int(probes.interval.seconds) if probes.interval else 0,
    )


def _outlier(rule: OutlierDetection) -> ir.OutlierDetection:
    return ir.OutlierDetection(
        consecutive_5xx=rule.consecutive_5xx_errors,
        consecutive_gateway_errors=rule.consecutive_gateway_errors,
        consecutive_local_failures=rule.consecutive_local_origin_failures,
        split_local_errors=rule.split_external_local_origin_errors or False,
        interval=_nanoseconds(rule.interval),
        base_ejection_time=_nanoseconds(rule.base_ejection_time),
        max_ejection_percent=rule.max_ejection_percent,
    )


def _nanoseconds(duration: Duration | None) -> int | None:
    return duration.nanoseconds if duration else None
