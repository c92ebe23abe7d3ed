"""What reaches the mesh through a gateway: a listener for each port of its servers.

Source: pilot/pkg/networking/core/gateway.go buildGatewayListeners.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.gateway import ServerTLSMode
from meltemi.pilot import ir
from meltemi.pilot.model.host import covers
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.translate import name
from meltemi.pilot.translate.explicit.outbound import Served
from meltemi.pilot.translate.listener.connection import Side, buffer_limit, http_filter
from meltemi.pilot.translate.listener.gateway_servers import Opening, merged
from meltemi.pilot.translate.listener.guards import guards
from meltemi.pilot.translate.listener.server_tls import terminating
from meltemi.pilot.translate.listener.sidecar_inbound import MESH_ANY
from meltemi.pilot.translate.listener.tcp import to_cluster, to_routes
from meltemi.pilot.translate.route.gateway import gateway_table, served_hosts
from meltemi.pilot.translate.route.match import qualified
from meltemi.pilot.translate.wildcard import wildcards

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.virtual_service import (
        L4MatchAttributes,
        TLSMatchAttributes,
        VirtualService,
    )
    from meltemi.pilot.model.service import Port
    from meltemi.pilot.scope.proxy import Bind
    from meltemi.pilot.scope.scope import Scope

SEEN: Final = ir.Inspection()


def gateway(scope: Scope) -> Iterator[Served]:
    """Yield one listener a port, with the route tables it fetches."""
    guard = guards(scope)
    for bind, openings in merged(scope).items():
        taken: set[str] = set()
        chains = tuple(map(guard.chain, _chains(scope, openings, taken)))
        if chains:
            yield Served(
                _listener(scope, bind, openings, chains),
                tuple(_tables(scope, openings)),
            )


def _tables(scope: Scope, openings: Sequence[Opening]) -> Iterator[ir.RouteTable]:
    by_table: dict[str, list[Opening]] = {}
    for opening in openings:
        if opening.table:
            by_table.setdefault(opening.table, []).append(opening)
    for each in by_table.values():
        yield gateway_table(scope, each)


def _listener(
    scope: Scope,
    bind: Bind,
    openings: Sequence[Opening],
    chains: tuple[ir.FilterChain, ...],
) -> ir.Listener:
    wild = wildcards(scope)
    dual = scope.config.features.dual_stack and bind.address == wild[0]
    inspects = any(
        each.tls or each.match.server_names or each.match.protocols for each in chains
    )
    topology = scope.proxy_defaults.gateway_topology
    proxied = topology is not None and topology.proxy_protocol is not None
    return ir.Listener(
        name=f"{bind.address}_{bind.port}",
        address=bind.address,
        port=bind.port,
        direction=ir.Direction.OUTBOUND,
        chains=chains,
        more_addresses=wild[1:] if dual else (),
        inspect_tls=SEEN if inspects else ir.NOWHERE,
        expect_proxy_protocol=proxied,
        accept_one_by_one=True,
        buffer_limit=buffer_limit(scope),
        origins=tuple(each.origin for each in openings),
    )


def _chains(
    scope: Scope, openings: Sequence[Opening], taken: set[str]
) -> Iterator[ir.FilterChain]:
    first = openings[0]
    if first.protocol.is_http:
        yield _http(scope, first)
        return
    for opening in openings:
        if opening.serves_http:
            yield _http(scope, opening)
        elif opening.passes:
            yield from _passing(scope, opening, taken)
        else:
            yield from _tcp(scope, opening)


def _chain(
    scope: Scope,
    opening: Opening,
    match: ir.ChainMatch,
    handler: ir.HttpFilter | ir.TcpFilter,
) -> ir.FilterChain:
    limit = scope.config.features.gateway_transport_socket_connect_timeout
    return ir.FilterChain(
        "",
        match,
        handler,
        handshake_timeout=limit or None,
        ports=(opening.server.port.number,),
        origins=(opening.origin,),
    )


def _http(scope: Scope, opening: Opening) -> ir.FilterChain:
    prefix = f"outbound_{opening.bind.address}_{opening.bind.port}"
    handler = http_filter(scope, Side.GATEWAY, prefix, opening.table, opening.protocol)
    if not opening.encrypted:
        return _chain(scope, opening, ir.ChainMatch(), handler)
    match = ir.ChainMatch(server_names=opening.server_names)
    return _terminated(opening, _chain(scope, opening, match, handler))


def _terminated(opening: Opening, chain: ir.FilterChain) -> ir.FilterChain:
    tls = opening.server.tls
    if tls is None:
        return chain
    return replace(chain, tls=terminating(tls))


def _tcp(scope: Scope, opening: Opening) -> Iterator[ir.FilterChain]:
    """Yield the chain for bytes, to where the first VirtualService sends them."""
    for virtual in scope.bound(opening.title):
        if not served_hosts(scope, opening, virtual):
            continue
        for rule in virtual.spec.tcp:
            fits = not rule.match or any(
                _concerns(opening, match, virtual) for match in rule.match
            )
            if not fits or not rule.route:
                continue
            number = opening.server.port.number
            handler = to_routes(scope, rule.route, virtual, number)
            match = ir.ChainMatch(
                server_names=opening.server_names if opening.encrypted else ()
            )
            chain = _chain(scope, opening, match, handler)
            yield _terminated(opening, chain)
            return


def _passing(
    scope: Scope, opening: Opening, taken: set[str]
) -> Iterator[ir.FilterChain]:
    """Yield the chains for TLS that is not opened, told apart by server name."""
    tls = opening.server.tls
    if tls and tls.mode is ServerTLSMode.AUTO_PASSTHROUGH:
        yield from _straight(scope, opening)
        return
    for virtual in scope.bound(opening.title):
        if not served_hosts(scope, opening, virtual):
            continue
        for rule in virtual.spec.tls:
            for match in rule.match:
                if not _concerns(opening, match, virtual) or taken & set(
                    match.sni_hosts
                ):
                    continue
                taken |= set(match.sni_hosts)
                number = opening.server.port.number
                handler = to_routes(scope, rule.route, virtual, number)
                names = () if "*" in match.sni_hosts else match.sni_hosts
                chosen = ir.ChainMatch(server_names=names)
                yield _chain(scope, opening, chosen, handler)


def _straight(scope: Scope, opening: Opening) -> Iterator[ir.FilterChain]:
    """Yield a chain for each cluster: mesh clients name it as the server name."""
    hosts = opening.server_names
    for service in scope.services.values():
        if service.external or not (
            not hosts or any(covers(host, service.host) for host in hosts)
        ):
            continue
        rule = scope.rule(service.host)
        subsets = [each.name for each in rule.spec.subsets] if rule else []
        for port in service.ports:
            if port.protocol is Protocol.UDP:
                continue
            for subset in ("", *subsets):
                yield _to_subset(scope, opening, service.host, port, subset)


def _to_subset(
    scope: Scope, opening: Opening, host: str, port: Port, subset: str
) -> ir.FilterChain:
    cluster = name.server_name(port.number, subset, host)
    match = ir.ChainMatch(server_names=(cluster,), protocols=MESH_ANY)
    return _chain(scope, opening, match, to_cluster(scope, cluster))


def _concerns(
    opening: Opening,
    match: L4MatchAttributes | TLSMatchAttributes,
    virtual: Resource[VirtualService],
) -> bool:
    """Tell whether a match is about this server: its port, and its Gateway."""
    if match.port and match.port != opening.server.port.number:
        return False
    if not match.gateways:
        return True
    return opening.title in qualified(match.gateways, virtual.metadata.namespace)
