"""Istio's names for what Envoy holds: EnvoyFilters, tools and dashboards match them.

Source: pilot/pkg/model/context.go BuildSubsetKey and BuildDNSSrvSubsetKey.
"""

from __future__ import annotations

PASSTHROUGH = "PassthroughCluster"
BLACK_HOLE = "BlackHoleCluster"


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


HTTP_PROXY_TABLE = "http_proxy"
