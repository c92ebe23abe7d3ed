"""What leaves for places that no service is at.

Source: pilot/pkg/networking/core/listener_builder.go buildVirtualOutboundListener.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import MeshOutboundMode
from meltemi.config.schema.sidecar import OutboundMode
from meltemi.pilot import ir
from meltemi.pilot.model.host import resolve
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.service import families
from meltemi.pilot.translate.cluster.special import LARGEST
from meltemi.pilot.translate.listener.connection import Side, http_filter
from meltemi.pilot.translate.listener.tcp import black_hole, to_cluster
from meltemi.pilot.translate.wildcard import virtual

if TYPE_CHECKING:
    from meltemi.pilot.scope.scope import Scope

LISTENER: Final = "virtualOutbound"
BLACK_HOLE: Final = "virtualOutbound-blackhole"
CATCH_ALL: Final = "virtualOutbound-catchall-tcp"
CATCH_ALL_HTTP: Final = "virtualOutbound-catchall-tcp-http"
PASSTHROUGH: Final = "PassthroughFilterChain"
PLAIN_HTTP: Final = ("http/1.1", "h2c")


def allowed(scope: Scope) -> MeshOutboundMode:
    """Return what becomes of traffic to places nobody described."""
    own = scope.sidecar.spec.outbound_traffic_policy if scope.sidecar else None
    if own is not None:
        any_host = own.mode is OutboundMode.ALLOW_ANY
        return (
            MeshOutboundMode.ALLOW_ANY if any_host else MeshOutboundMode.REGISTRY_ONLY
        )
    policy = scope.config.document.outbound_traffic_policy
    mode = policy.mode if policy else None
    return mode or MeshOutboundMode.REGISTRY_ONLY


def unknown_cluster(scope: Scope) -> str:
    """Return the cluster for traffic to places nobody described."""
    if allowed(scope) is MeshOutboundMode.REGISTRY_ONLY:
        return name.BLACK_HOLE
    own = scope.sidecar.spec.outbound_traffic_policy if scope.sidecar else None
    if scope.sidecar and own and own.egress_proxy:
        to = own.egress_proxy
        home = scope.sidecar.metadata.namespace
        host = resolve(to.host, home, scope.config.domain_suffix)
        port = (to.port.number or 0) if to.port else 0
        return name.outbound_cluster(port, to.subset or "", host)
    return name.PASSTHROUGH


def passthrough_chain(scope: Scope) -> ir.FilterChain:
    """Return what a listener does with connections that it has no chain for."""
    handler = to_cluster(scope, unknown_cluster(scope))
    return ir.FilterChain(PASSTHROUGH, ir.ChainMatch(), handler)


def virtual_outbound(scope: Scope) -> ir.Listener:
    """Return the listener that all captured connections arrive at."""
    port = scope.config.document.proxy_listen_port or 0
    first, *more = virtual(scope)
    dynamic = allowed(scope) is MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS
    loop = ir.FilterChain(BLACK_HOLE, ir.ChainMatch(port=port), black_hole())
    rest = ir.FilterChain(
        CATCH_ALL, ir.ChainMatch(), to_cluster(scope, unknown_cluster(scope))
    )
    return ir.Listener(
        name=LISTENER,
        address=first,
        port=port,
        direction=ir.Direction.OUTBOUND,
        chains=(loop, *((_by_request(scope),) if dynamic else ()), rest),
        more_addresses=tuple(more),
        inspect_http=ir.Inspection() if dynamic else ir.NOWHERE,
        by_destination=True,
        transparent=scope.group.interception is Interception.TPROXY,
        accept_one_by_one=True,
    )


def host_lookup(scope: Scope) -> ir.LookupByHost:
    """Return the filter that looks up whatever host a request names."""
    cache = ir.HostCache(
        name.DYNAMIC_DNS_CACHE, families(scope), hosts=LARGEST, insecure=True
    )
    return ir.LookupByHost(cache)


def _by_request(scope: Scope) -> ir.FilterChain:
    """Return the chain that sends HTTP to the host each request names."""
    route = ir.Route(
        name="allow_any_dynamic_dns",
        match=ir.Match(),
        action=ir.Forward((ir.Target(name.DYNAMIC_DNS, 1),)),
    )
    host = ir.VirtualHost("allow_any_dynamic_dns", ("*",), (route,))
    table = ir.RouteTable(host.name, (host,))
    handler = http_filter(scope, Side.OUTBOUND, CATCH_ALL_HTTP, table)
    handler = replace(handler, last=(*handler.last, host_lookup(scope)))
    return ir.FilterChain(CATCH_ALL_HTTP, ir.ChainMatch(protocols=PLAIN_HTTP), handler)
