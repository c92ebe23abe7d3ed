"""Istio's names for what Envoy holds: EnvoyFilters, tools and dashboards match them.

Source: pilot/pkg/model/context.go BuildSubsetKey and BuildDNSSrvSubsetKey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.model.service import Port, Service

PASSTHROUGH = "PassthroughCluster"
INBOUND_PASSTHROUGH = "InboundPassthroughCluster"
BLACK_HOLE = "BlackHoleCluster"
DYNAMIC_DNS = "AllowAnyDynamicDNSCluster"
DYNAMIC_DNS_CACHE = "allow_any_dfp_dns_cache"


def outbound_cluster(port: int, subset: str, host: str) -> str:
    """Return the name of the cluster that reaches ``host``."""
    return f"outbound|{port}|{subset}|{host}"


def inbound_cluster(port: int) -> str:
    """Return the name of the cluster that reaches the application itself."""
    return f"inbound|{port}||"


def server_name(port: int, subset: str, host: str) -> str:
    """Return the SNI that a caller of ``host`` puts into its TLS hello."""
    return f"outbound_.{port}_.{subset}_.{host}"


def route_table(host: str, port: int) -> str:
    """Return the name of the route table of one service's port."""
    return f"{host}:{port}"


def gateway_table(port: int) -> str:
    """Return the name of a gateway's plain HTTP route table."""
    return f"http.{port}"


def host_cache(host: str) -> str:
    """Return the name of the addresses found for the hosts of a wildcard service."""
    return f"{host}_dfp_dns_cache"


def statistics(pattern: str, service: Service, port: Port, subset: str = "") -> str:
    """Return ``pattern`` with its words replaced, as MeshConfig's stat names have them.

    Source:
        pilot/pkg/util BuildStatPrefix; words are longest first, since some begin
        with others.

    """
    words = {
        "%SERVICE_PORT_NAME%": port.name,
        "%SERVICE_FQDN%": service.host,
        "%SERVICE_NAME%": service.name,
        "%SERVICE_PORT%": str(port.number),
        "%TARGET_PORT%": str(port.target or port.number),
        "%SUBSET_NAME%": subset,
        "%SERVICE%": _short(service),
    }
    for word, value in words.items():
        pattern = pattern.replace(word, value)
    return pattern


def _short(service: Service) -> str:
    """Return the host without what all services of a cluster end in."""
    if service.name and service.namespace:
        prefix = f"{service.name}.{service.namespace}"
        if service.host.startswith(f"{prefix}.svc."):
            return prefix
    return service.host


HTTP_PROXY_TABLE = "http_proxy"
