"""What must hold for a traffic policy, of a host, a subset or a port."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.hosts import (
    check_port,
    check_unique,
    is_address,
    is_fqdn,
)
from meltemi.config.rules.locality import check_locality
from meltemi.config.rules.problem import problem, warning
from meltemi.config.schema.traffic_policy import (
    ClientTLSMode,
    H2UpgradePolicy,
    TrafficPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.load_balancer import (
        ConsistentHashLB,
        LoadBalancerSettings,
    )
    from meltemi.config.schema.traffic_policy import (
        ClientTLSSettings,
        ConnectionPoolSettings,
        HTTPSettings,
        OutlierDetection,
        PortTrafficPolicy,
        TunnelSettings,
    )

PERCENT: Final = 100
EMPTY: Final = TrafficPolicy()
WITH_FILES: Final = (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL)
LARGEST_RING: Final = 8 * 1024 * 1024
"""Envoy's limit of ring_hash_lb_config.maximum_ring_size."""
LARGEST_TABLE: Final = 5_000_011
"""Envoy's limit of maglev_lb_config.table_size; Istio keeps below it."""


def check_traffic_policy(path: str, policy: TrafficPolicy) -> Iterator[Finding]:
    """Yield what Istio's validateTrafficPolicy says."""
    if policy == EMPTY:
        yield problem(path, "says nothing", "remove it")
    if policy.tunnel is not None and policy.proxy_protocol is not None:
        yield problem(path, "only one may be set: tunnel and proxyProtocol")
    yield from _check_sections(path, policy)
    for index, port in enumerate(policy.port_level_settings):
        here = f"{path}.portLevelSettings[{index}]"
        number = port.port.number if port.port else None
        if not number:
            yield problem(f"{here}.port.number", "a port number is required")
        yield from check_port(f"{here}.port.number", number)
        sections = (port.load_balancer, port.connection_pool)
        if not any((*sections, port.outlier_detection, port.tls)):
            yield problem(here, "says nothing about the port", "remove it")
        yield from _check_sections(here, port)
    numbers = (
        (f"{path}.portLevelSettings[{i}].port.number", each.port and each.port.number)
        for i, each in enumerate(policy.port_level_settings)
    )
    yield from check_unique(numbers, "port number")
    if policy.tunnel is not None:
        yield from _check_tunnel(f"{path}.tunnel", policy.tunnel)


def _check_tunnel(path: str, tunnel: TunnelSettings) -> Iterator[Finding]:
    yield from check_port(f"{path}.targetPort", tunnel.target_port)
    if tunnel.protocol not in (None, "", "CONNECT", "POST"):
        message = f"must be CONNECT or POST, got {tunnel.protocol!r}"
        yield problem(f"{path}.protocol", message)
    if not (is_fqdn(tunnel.target_host) or is_address(tunnel.target_host)):
        message = f"{tunnel.target_host!r} is neither an IP address nor a DNS name"
        yield problem(f"{path}.targetHost", message)


def _check_sections(
    path: str, policy: TrafficPolicy | PortTrafficPolicy
) -> Iterator[Finding]:
    outlier = policy.outlier_detection
    if policy.load_balancer is not None:
        here = f"{path}.loadBalancer"
        yield from _check_balancer(here, policy.load_balancer)
        setting = policy.load_balancer.locality_lb_setting
        there = f"{here}.localityLbSetting"
        yield from check_locality(there, setting, outlier=outlier is not None)
    if policy.connection_pool is not None:
        yield from check_pool(f"{path}.connectionPool", policy.connection_pool)
    if outlier is not None:
        yield from check_outlier(f"{path}.outlierDetection", outlier)
    if policy.tls is not None:
        yield from _check_tls(f"{path}.tls", policy.tls)


def _check_balancer(path: str, settings: LoadBalancerSettings) -> Iterator[Finding]:
    if settings.consistent_hash is not None:
        here = f"{path}.consistentHash"
        yield from _check_sizes(here, settings.consistent_hash)
        yield from _check_keys(here, settings.consistent_hash)
    if settings.locality_lb_setting and settings.zone_aware_lb_setting:
        message = "only one may be set: localityLbSetting and zoneAwareLbSetting"
        yield problem(path, message)
    yield from check_duration(
        f"{path}.warmupDurationSecs", settings.warmup_duration_secs
    )
    warmup = settings.warmup
    if warmup is not None:
        yield from check_duration(f"{path}.warmup.duration", warmup.duration)
        if not 0 <= (warmup.minimum_percent or 0) <= PERCENT:
            message = f"must be from 0 to {PERCENT}, got {warmup.minimum_percent}"
            yield problem(f"{path}.warmup.minimumPercent", message)
        if warmup.aggression is not None and warmup.aggression < 1:
            message = f"must be at least 1, got {warmup.aggression}"
            yield problem(f"{path}.warmup.aggression", message)


def _check_keys(path: str, consistent: ConsistentHashLB) -> Iterator[Finding]:
    keys = (
        consistent.http_header_name,
        consistent.http_cookie,
        consistent.use_source_ip,
        consistent.http_query_parameter_name,
    )
    if all(key is None for key in keys):
        hint = "httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName"
        yield problem(path, "a hash key is required", hint)
    if consistent.http_cookie is not None and not consistent.http_cookie.name:
        yield problem(f"{path}.httpCookie.name", "a name is required")
    if consistent.minimum_ring_size:
        here = f"{path}.minimumRingSize"
        yield warning(here, "is deprecated", "write ringHash.minimumRingSize")
        if consistent.ring_hash or consistent.maglev:
            yield problem(here, "excludes ringHash and maglev", "remove it")


def _check_sizes(path: str, consistent: ConsistentHashLB) -> Iterator[Finding]:
    ring, table = consistent.ring_hash, consistent.maglev
    sizes = {
        "minimumRingSize": consistent.minimum_ring_size,
        "ringHash.minimumRingSize": ring.minimum_ring_size if ring else None,
    }
    for name, size in sizes.items():
        if size is not None and size > LARGEST_RING:
            message = f"must be at most {LARGEST_RING}, got {size}"
            yield problem(f"{path}.{name}", message)
    if table is None:
        return
    here, entries = f"{path}.maglev.tableSize", table.table_size or 0
    if entries > LARGEST_TABLE:
        yield problem(here, f"must be at most {LARGEST_TABLE}, got {entries}")
    elif not entries:
        yield problem(here, "a size is required", "a prime number, such as 65537")
    elif not _is_prime(entries):
        message = f"Envoy refuses {entries}: it must be a prime number"
        yield warning(here, message, "such as 65537")


def _is_prime(number: int) -> bool:
    if number < 4:  # noqa: PLR2004 - as in Envoy, 1 counts as prime
        return number > 0
    odd = range(3, math.isqrt(number) + 1, 2)
    return number % 2 == 1 and all(number % factor for factor in odd)


def check_pool(path: str, pool: ConnectionPoolSettings) -> Iterator[Finding]:
    """Yield what Istio's validateConnectionPool says."""
    if pool.tcp is None and pool.http is None:
        yield problem(path, "says nothing", "add tcp or http")
    if pool.tcp is not None:
        tcp, here = pool.tcp, f"{path}.tcp"
        yield from check_duration(f"{here}.connectTimeout", tcp.connect_timeout)
        longest = tcp.max_connection_duration
        yield from check_duration(f"{here}.maxConnectionDuration", longest)
        yield from _check_counts(path, {"tcp.maxConnections": tcp.max_connections})
        if tcp.tcp_keepalive is not None:
            alive, there = tcp.tcp_keepalive, f"{here}.tcpKeepalive"
            yield from check_duration(f"{there}.time", alive.time)
            yield from check_duration(f"{there}.interval", alive.interval)
    if pool.http is not None:
        yield from _check_http(path, pool.http)


def _check_http(path: str, http: HTTPSettings) -> Iterator[Finding]:
    yield from check_duration(f"{path}.http.idleTimeout", http.idle_timeout)
    counts = {
        "http.http1MaxPendingRequests": http.http1_max_pending_requests,
        "http.http2MaxRequests": http.http2_max_requests,
        "http.maxRequestsPerConnection": http.max_requests_per_connection,
        "http.maxRetries": http.max_retries,
        "http.maxConcurrentStreams": http.max_concurrent_streams,
    }
    yield from _check_counts(path, counts)
    if http.use_client_protocol and http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        message = "excludes h2UpgradePolicy UPGRADE"
        yield problem(f"{path}.http.useClientProtocol", message, "use one of them")
    if http.http2_keep_alive is not None:
        alive, here = http.http2_keep_alive, f"{path}.http.http2KeepAlive"
        yield from check_duration(f"{here}.interval", alive.interval)
        yield from check_duration(f"{here}.timeout", alive.timeout)
        if alive.interval is None or alive.timeout is None:
            message = "has no effect without both interval and timeout"
            yield warning(here, message, "set both")


def _check_counts(path: str, counts: dict[str, int | None]) -> Iterator[Finding]:
    for name, count in counts.items():
        if count is not None and count < 0:
            yield problem(f"{path}.{name}", f"must not be negative, got {count}")


def check_outlier(path: str, outlier: OutlierDetection) -> Iterator[Finding]:
    """Yield what Istio's validateOutlierDetection says."""
    if outlier.consecutive_errors:
        hint = "write consecutive5xxErrors or consecutiveGatewayErrors"
        yield warning(f"{path}.consecutiveErrors", "is deprecated", hint)
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
    """Yield what Istio's ValidateTLS says."""
    simple = tls.mode is ClientTLSMode.SIMPLE
    files = {
        "clientCertificate": tls.client_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "caCrl": tls.ca_crl,
    }
    verified = {
        "caCertificates": tls.ca_certificates,
        "subjectAltNames": tls.subject_alt_names,
        "credentialName": tls.credential_name if simple else None,
    }
    for name, value in verified.items():
        if tls.insecure_skip_verify and tls.mode in WITH_FILES and value:
            message = "means nothing with insecureSkipVerify"
            yield problem(f"{path}.{name}", message, "remove one of them")
    if tls.credential_name and tls.mode in WITH_FILES and any(files.values()):
        yield problem(path, "credentialName excludes paths of certificates")
    for name, value in files.items():
        if tls.mode is ClientTLSMode.ISTIO_MUTUAL and value:
            message = "ISTIO_MUTUAL uses the mesh's own certificates"
            yield problem(f"{path}.{name}", message, "remove it")
        required = name in ("clientCertificate", "privateKey")
        required = required and tls.mode is ClientTLSMode.MUTUAL
        if required and not tls.credential_name and not value:
            hint = "or name a secret in credentialName"
            yield problem(f"{path}.{name}", f"mode MUTUAL needs {name}", hint)
