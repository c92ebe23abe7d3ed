"""VirtualService: how requests to some hosts are routed."""

from collections.abc import Mapping

from meltemi.config.schema.http_route import Destination, HTTPRoute
from meltemi.config.schema.message import Message
from meltemi.config.values import Int32, UInt32


class L4MatchAttributes(Message, frozen=True, kw_only=True):
    """All conditions that are set must hold."""

    destination_subnets: tuple[str, ...] = ()
    """Addresses or CIDR ranges the client connected to."""
    port: UInt32 | None = None
    """Of the service; default any."""
    source_labels: Mapping[str, str] = {}
    """Labels of the calling workload."""
    gateways: tuple[str, ...] = ()
    """Where it holds; default: the gateways of the VirtualService."""
    source_namespace: str | None = None
    """Where the client is; default anywhere."""
    source_subnet: str | None = None
    """Not in use, here as in Istio."""


class TLSMatchAttributes(Message, frozen=True, kw_only=True):
    """All conditions that are set must hold."""

    sni_hosts: tuple[str, ...] = ()
    """Server names the client asks for; each within the VirtualService's hosts."""
    destination_subnets: tuple[str, ...] = ()
    """Addresses, with or without a prefix length."""
    port: UInt32 | None = None
    """Of the service; default any."""
    source_labels: Mapping[str, str] = {}
    """What the client has; default any."""
    gateways: tuple[str, ...] = ()
    """Instead of the VirtualService's own."""
    source_namespace: str | None = None
    """Where the client is; default anywhere."""


class RouteDestination(Message, frozen=True, kw_only=True):
    """One destination of several, and its share of the connections."""

    destination: Destination
    weight: Int32 | None = None
    """Share of the connections, relative to its siblings."""


class TCPRoute(Message, frozen=True, kw_only=True):
    """A rule for connections. No ``match`` matches everything."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class TLSRoute(Message, frozen=True, kw_only=True):
    """A rule for TLS connections that are passed through."""

    match: tuple[TLSMatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


class VirtualService(Message, frozen=True, kw_only=True):
    """Rules for the traffic to ``hosts``."""

    hosts: tuple[str, ...] = ()
    """Names; may begin with ``*``. Empty makes it a delegate."""
    gateways: tuple[str, ...] = ()
    """``[namespace/]name`` of gateways, ``mesh`` for sidecars; default ``mesh``."""
    http: tuple[HTTPRoute, ...] = ()
    tls: tuple[TLSRoute, ...] = ()
    tcp: tuple[TCPRoute, ...] = ()
    export_to: tuple[str, ...] = ()
    """Namespaces that see it: names, ``.`` for its own, ``*``; default everywhere."""
