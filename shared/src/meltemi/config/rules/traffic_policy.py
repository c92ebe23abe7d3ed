"""What must hold for a traffic policy, of a host, a subset or a port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.hosts import check_port, check_unique
from meltemi.config.rules.problem import problem
from meltemi.config.schema.traffic_policy import ClientTLSMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.load_balancer import LoadBalancerSettings
    from meltemi.config.schema.traffic_policy import (
        ClientTLSSettings,
        ConnectionPoolSettings,
        OutlierDetection,
        PortTrafficPolicy,
        TrafficPolicy,
    )

PERCENT: Final = 100
LARGEST_RING: Final = 8 * 1024 * 1024
"""Envoy's limit of ring_hash_lb_config.maximum_ring_size."""
LARGEST_TABLE: Final = 5_000_011
"""Envoy's limit of maglev_lb_config.table_size."""


def check_traffic_policy(path: str, policy: TrafficPolicy) -> Iterator[Finding]:
    """Yield what Istio's validateTrafficPolicy refuses."""
    yield from _check_sections(path, policy)
    for index, port in enumerate(policy.port_level_settings):
        here = f"{path}.portLevelSettings[{index}]"
        number = port.port.number if port.port else None
        if not number:
            yield problem(f"{here}.port.number", "a port number is required")
        yield from check_port(f"{here}.port.number", number)
        yield from _check_sections(here, port)
    numbers = (
        (f"{path}.portLevelSettings[{i}].port.number", each.port and each.port.number)
        for i, each in enumerate(policy.port_level_settings)
    )
    yield from check_unique(numbers, "port number")
    if policy.tunnel is not None:
        yield from check_port(f"{path}.tunnel.targetPort", policy.tunnel.target_port)


def _check_sections(
    path: str, policy: TrafficPolicy | PortTrafficPolicy
) -> Iterator[Finding]:
    if policy.load_balancer is not None:
        yield from _check_balancer(f"{path}.loadBalancer", policy.load_balancer)
    if policy.connection_pool is not None:
        yield from _check_pool(f"{path}.connectionPool", policy.connection_pool)
    if policy.outlier_detection is not None:
        yield from _check_outlier(f"{path}.outlierDetection", policy.outlier_detection)
    if policy.tls is not None:
        yield from _check_tls(f"{path}.tls", policy.tls)


def _check_balancer(path: str, settings: LoadBalancerSettings) -> Iterator[Finding]:
    consistent = settings.consistent_hash
    if consistent is not None:
        yield from _check_sizes(f"{path}.consistentHash", settings)
        keys = (
            consistent.http_header_name,
            consistent.http_cookie,
            consistent.use_source_ip,
            consistent.http_query_parameter_name,
        )
        if all(key is None for key in keys):
            hint = "httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName"
            yield problem(f"{path}.consistentHash", "a hash key is required", hint)
    locality = settings.locality_lb_setting
    if locality is not None:
        lists = (locality.distribute, locality.failover, locality.failover_priority)
        if sum(1 for each in lists if each) > 1 and not (
            locality.failover and locality.failover_priority and not locality.distribute
        ):
            message = "distribute excludes failover and failoverPriority"
            yield problem(f"{path}.localityLbSetting", message)
        for index, rule in enumerate(locality.distribute):
            total = sum(rule.to.values())
            if total != PERCENT:
                here = f"{path}.localityLbSetting.distribute[{index}].to"
                yield problem(here, f"the shares add up to {total}, not {PERCENT}")


def _check_sizes(path: str, settings: LoadBalancerSettings) -> Iterator[Finding]:
    consistent = settings.consistent_hash
    if consistent is None:
        return
    ring, table = consistent.ring_hash, consistent.maglev
    sizes = (
        ("minimumRingSize", consistent.minimum_ring_size, LARGEST_RING),
        (
            "ringHash.minimumRingSize",
            None if ring is None else ring.minimum_ring_size,
            LARGEST_RING,
        ),
        (
            "maglev.tableSize",
            None if table is None else table.table_size,
            LARGEST_TABLE,
        ),
    )
    for name, size, limit in sizes:
        if size is not None and size > limit:
            yield problem(f"{path}.{name}", f"must be at most {limit}, got {size}")


def _check_pool(path: str, pool: ConnectionPoolSettings) -> Iterator[Finding]:
    if pool.tcp is not None:
        tcp = pool.tcp
        here = f"{path}.tcp.connectTimeout"
        yield from check_duration(here, tcp.connect_timeout)
        here = f"{path}.tcp.maxConnectionDuration"
        yield from check_duration(here, tcp.max_connection_duration)
        counts = {"tcp.maxConnections": tcp.max_connections}
        yield from _check_counts(path, counts)
    if pool.http is not None:
        http = pool.http
        yield from check_duration(f"{path}.http.idleTimeout", http.idle_timeout)
        counts = {
            "http.http1MaxPendingRequests": http.http1_max_pending_requests,
            "http.http2MaxRequests": http.http2_max_requests,
            "http.maxRequestsPerConnection": http.max_requests_per_connection,
            "http.maxRetries": http.max_retries,
            "http.maxConcurrentStreams": http.max_concurrent_streams,
        }
        yield from _check_counts(path, counts)


def _check_counts(path: str, counts: dict[str, int | None]) -> Iterator[Finding]:
    for name, count in counts.items():
        if count is not None and count < 0:
            yield problem(f"{path}.{name}", f"must not be negative, got {count}")


def _check_outlier(path: str, outlier: OutlierDetection) -> Iterator[Finding]:
    yield from check_duration(f"{path}.interval", outlier.interval)
    yield from check_duration(f"{path}.baseEjectionTime", outlier.base_ejection_time)
    percents = {
        "maxEjectionPercent": outlier.max_ejection_percent,
        "minHealthPercent": outlier.min_health_percent,
    }
    for name, percent in percents.items():
        if percent is not None and not 0 <= percent <= PERCENT:
            message = f"must be from 0 to {PERCENT}, got {percent}"
            yield problem(f"{path}.{name}", message)
    split = outlier.split_external_local_origin_errors
    if outlier.consecutive_local_origin_failures and not split:
        message = "needs splitExternalLocalOriginErrors: true"
        yield problem(f"{path}.consecutiveLocalOriginFailures", message)


def _check_tls(path: str, tls: ClientTLSSettings) -> Iterator[Finding]:
    unverified = tls.insecure_skip_verify and tls.mode is ClientTLSMode.SIMPLE
    names = {
        "caCertificates": tls.ca_certificates,
        "subjectAltNames": tls.subject_alt_names,
    }
    for name, value in names.items():
        if unverified and value:
            message = "means nothing with insecureSkipVerify"
            yield problem(f"{path}.{name}", message, "remove one of them")
    files = {
        "clientCertificate": tls.client_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
    }
    yield from _check_files(path, tls, files)
    if tls.credential_name and any(files.values()):
        yield problem(path, "credentialName excludes paths of certificates")


def _check_files(
    path: str, tls: ClientTLSSettings, files: dict[str, str | None]
) -> Iterator[Finding]:
    for name, value in files.items():
        if tls.mode is ClientTLSMode.ISTIO_MUTUAL and value:
            message = "ISTIO_MUTUAL uses the mesh's own certificates"
            yield problem(f"{path}.{name}", message, "remove it")
        required = name != "caCertificates" and not tls.credential_name
        if tls.mode is ClientTLSMode.MUTUAL and required and not value:
            hint = "or name a secret in credentialName"
            yield problem(f"{path}.{name}", f"mode MUTUAL needs {name}", hint)
