"""Byte streams: which clusters a connection goes to, and under which limits.

Source: pilot/pkg/networking/core/networkfilter.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot import ir
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.load_balancer import hash_policies
from meltemi.pilot.translate.cluster.pool import nanoseconds
from meltemi.pilot.translate.cluster.service import families
from meltemi.pilot.translate.listener.connection import idle_timeout
from meltemi.pilot.translate.policy import effective
from meltemi.pilot.translate.route.forward import Destinations, tcp_targets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.resource import Resource
    from meltemi.config.schema.traffic_policy import TrafficPolicy, TunnelSettings
    from meltemi.config.schema.virtual_service import (
        RouteDestination,
        VirtualService,
    )
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.scope import Scope


def to_cluster(scope: Scope, cluster: str) -> ir.TcpFilter:
    """Return "pass bytes on to ``cluster``"."""
    return ir.TcpFilter(
        cluster, (ir.Target(cluster, 1),), idle_timeout=idle_timeout(scope)
    )


def black_hole() -> ir.TcpFilter:
    """Return the end of a connection that would come back; nobody is told of it."""
    return ir.TcpFilter(name.BLACK_HOLE, (ir.Target(name.BLACK_HOLE, 1),), silent=True)


def to_service(scope: Scope, service: Service, port: int) -> ir.TcpFilter:
    """Return "pass bytes on to all of a service", under its DestinationRule."""
    cluster = name.outbound_cluster(port, "", service.host)
    return _limited(scope, to_cluster(scope, cluster), (service.host, port, ""))


def to_routes(
    scope: Scope,
    routes: Iterable[RouteDestination],
    virtual: Resource[VirtualService],
    port: int,
) -> ir.TcpFilter:
    """Return "pass bytes on to the destinations of a VirtualService's rule"."""
    destinations = destinations_of(scope, virtual, port)
    found = tuple(routes)
    targets = tcp_targets(found, destinations)
    prefix = (
        targets[0].cluster
        if len(targets) == 1
        else f"{virtual.metadata.name}.{virtual.metadata.namespace}"
    )
    made = ir.TcpFilter(prefix, targets, idle_timeout=idle_timeout(scope))
    first = found[0].destination
    host, number = destinations.place(first)
    return _limited(scope, made, (host, number, first.subset or ""))


def destinations_of(
    scope: Scope, virtual: Resource[VirtualService], port: int
) -> Destinations:
    """Return what the destinations of ``virtual`` are resolved against."""
    return Destinations(
        only_port=scope.only_port,
        rule=scope.rule,
        namespace=virtual.metadata.namespace,
        domain_suffix=scope.config.domain_suffix,
        port=port,
        retry=scope.config.document.default_http_retry_policy,
    )


def _limited(
    scope: Scope, made: ir.TcpFilter, place: tuple[str, int, str]
) -> ir.TcpFilter:
    """Return ``made`` under the DestinationRule for where it goes."""
    policy = _policy(scope, *place)
    if policy is None:
        return made
    tcp = policy.connection_pool.tcp if policy.connection_pool else None
    hashes = hash_policies(policy.load_balancer)
    own_idle = nanoseconds(tcp.idle_timeout) if tcp else None
    several = len(made.targets) > 1
    return replace(
        made,
        idle_timeout=own_idle or made.idle_timeout,
        max_duration=nanoseconds(tcp.max_connection_duration) if tcp else None,
        hash=tuple(each for each in hashes if each.on is ir.HashOn.SOURCE_IP),
        tunnel=None if several else _tunnel(policy.tunnel),
    )


def _policy(scope: Scope, host: str, port: int, subset: str) -> TrafficPolicy | None:
    rule = scope.rule(host)
    if rule is None:
        return None
    spec = rule.spec
    chosen = next((each for each in spec.subsets if each.name == subset), None)
    return effective(spec, chosen, port)


def _tunnel(settings: TunnelSettings | None) -> ir.Tunnel | None:
    if settings is None:
        return None
    host = settings.target_host
    if ":" in host:
        host = f"[{host}]"
    post = (settings.protocol or "CONNECT").upper() == "POST"
    return ir.Tunnel(f"{host}:{settings.target_port}", post=post)


def before(scope: Scope, service: Service, port: Port) -> tuple[ir.NetworkFilter, ...]:
    """Return what looks at a service's connections before they are passed on."""
    if service.resolution is Resolution.DYNAMIC_DNS and port.protocol.is_tls:
        cache = ir.HostCache(name.host_cache(service.host), families(scope))
        return (ir.LookupByServerName(cache, port.number),)
    if port.protocol is Protocol.MONGO:
        return (
            ir.MongoStatistics(name.outbound_cluster(port.number, "", service.host)),
        )
    return ()
