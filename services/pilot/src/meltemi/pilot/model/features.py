"""Switches of Istio's control plane that this one has too, with Istio's defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """What a mesh turns on or off, by Istio's name for it.

    Source: pilot/pkg/features; the environment variable is in each docstring.
    """

    dual_stack: bool = False
    """ISTIO_DUAL_STACK: listeners and endpoints of both address families."""
    tls_on_sidecar_ingress: bool = False
    """ENABLE_TLS_ON_SIDECAR_INGRESS: Sidecar.ingress[].tls is honoured."""
    headless_filter_chains: bool = False
    """PILOT_ENABLE_HEADLESS_FILTER_CHAIN_LISTENER: one listener a headless port."""
    ip_autoallocate: bool = True
    """PILOT_ENABLE_IP_AUTOALLOCATE: services without addresses are given one."""
    filter_gateway_clusters: bool = False
    """PILOT_FILTER_GATEWAY_CLUSTER_CONFIG: gateways know what their routes name."""
    prefer_tunnels: bool = False
    """PILOT_PREFER_SENDING_HBONE: what takes tunnels is not sent mutual TLS."""
    trace_sampling: float = 1.0
    """PILOT_TRACE_SAMPLING: percent of requests."""
    ipv4_listener_for_ipv6_only: bool = False
    """ISTIO_ENABLE_IPV4_OUTBOUND_LISTENER_FOR_IPV6_CLUSTERS."""
    dns_cares_udp_max_queries: int = 100
    """PILOT_DNS_CARES_UDP_MAX_QUERIES."""
    dns_jitter: int = 100_000_000
    """PILOT_DNS_JITTER_DURATION, in nanoseconds."""
    gateway_transport_socket_connect_timeout: int = 15_000_000_000
    """PILOT_GATEWAY_TRANSPORT_SOCKET_CONNECT_TIMEOUT, in nanoseconds."""
    tap: bool = False
    """Ours: an operator on a proxy's machine can listen to its requests."""
    canonical_service_for_external_entries: bool = False
    """PILOT_ENABLE_CANONICAL_SERVICE_FOR_MESH_EXTERNAL_SERVICE_ENTRY."""
