"""The clusters that an Envoy is born with. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.proxy.boot.secrets import upstream_socket
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.config.schema.proxy_defaults import ProxyDefaults, RemoteService
    from meltemi.config.schema.traffic_policy import ClientTLSSettings, TcpKeepalive
    from meltemi.proxy.boot.plain import JSON

HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
DNS: Final = "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster"
METRICS_SERVICE: Final = "envoy_metrics_service"
ACCESS_LOG_SERVICE: Final = "envoy_accesslog_service"
ZIPKIN: Final = "zipkin"
DATADOG: Final = "datadog_agent"
OWN_STATS: Final = "prometheus_stats"
AGENT: Final = "agent"
AT_ONCE: Final = 100_000
"""Connections and requests to the agent: more than any proxy has."""


def pipe(name: str, path: Path) -> JSON:
    """Return the cluster of the agent's socket ``path``."""
    address: JSON = {"pipe": {"path": str(path)}}
    limits: list[JSON] = [
        {
            "priority": each,
            "max_connections": AT_ONCE,
            "max_pending_requests": AT_ONCE,
            "max_requests": AT_ONCE,
        }
        for each in ("DEFAULT", "HIGH")
    ]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": limits},
        "load_assignment": _endpoints(name, address),
        # Compressing headers on a local socket costs and saves nothing.
        "typed_extension_protocol_options": _http2({"enable_huffman_encoding": False}),
    }


def local(name: str, where: Address) -> JSON:
    """Return the cluster of an address of this machine."""
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.250s",
        "load_assignment": _endpoints(name, _socket(where)),
    }


def told_clusters(config: ProxyDefaults) -> Iterator[JSON]:
    """Yield whom ``config`` says that Envoy is to tell something.

    Raises:
        ValueError: If an address is none, or TLS asks for what a bootstrap has not.

    """
    tracing = config.tracing
    if tracing and tracing.zipkin and tracing.zipkin.address:
        zipkin = _named(ZIPKIN, tracing.zipkin.address, tracing.tls_settings)
        zipkin["cluster_type"] = _dns(refresh="30s")
        yield zipkin
    if tracing and tracing.datadog and tracing.datadog.address:
        yield _named(DATADOG, tracing.datadog.address, tracing.tls_settings)
    for name, service in (
        (METRICS_SERVICE, config.envoy_metrics_service),
        (ACCESS_LOG_SERVICE, config.envoy_access_log_service),
    ):
        if service and service.address:
            yield _service(name, service, service.address)


def _service(name: str, service: RemoteService, address: str) -> JSON:
    made = _named(name, address, service.tls_settings, alpn=("h2",))
    made["typed_extension_protocol_options"] = _http2({})
    if service.tcp_keepalive:
        made["upstream_connection_options"] = _keepalive(service.tcp_keepalive)
    return made


def _named(
    name: str, address: str, tls: ClientTLSSettings | None, alpn: tuple[str, ...] = ()
) -> dict[str, JSON]:
    """Return the cluster of a host that is looked up."""
    try:
        where = Address.parse(address)
    except ValueError as error:
        raise ValueError(f"the address of {name}: {error}") from error
    made: dict[str, JSON] = {
        "name": name,
        "cluster_type": _dns(),
        "connect_timeout": "1s",
        "load_assignment": _endpoints(name, _socket(where)),
    }
    socket = upstream_socket(name, tls, alpn) if tls else None
    return {**made, "transport_socket": socket} if socket else made


def _dns(refresh: str = "") -> JSON:
    config: dict[str, JSON] = {
        "@type": DNS,
        "respect_dns_ttl": True,
        "dns_lookup_family": "V4_ONLY",
    }
    if refresh:
        config["dns_refresh_rate"] = refresh
    return {"name": "envoy.cluster.dns", "typed_config": config}


def _keepalive(said: TcpKeepalive) -> JSON:
    lengths = {"keepalive_time": said.time, "keepalive_interval": said.interval}
    made: dict[str, JSON] = {
        key: int(each.seconds) for key, each in lengths.items() if each is not None
    }
    if said.probes:
        made["keepalive_probes"] = said.probes
    return {"tcp_keepalive": made}


def _http2(options: JSON) -> JSON:
    return {
        HTTP_OPTIONS: {
            "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
            "explicit_http_config": {"http2_protocol_options": options},
        }
    }


def _socket(where: Address) -> JSON:
    return {"socket_address": {"address": where.host, "port_value": where.port}}


def _endpoints(name: str, address: JSON) -> JSON:
    return {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }
