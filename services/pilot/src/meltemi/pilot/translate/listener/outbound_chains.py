"""The filter chains that one port of a service needs where traffic leaves.

Source: pilot/pkg/networking/core/listener.go and tls.go
buildSidecarOutboundTCPFilterChainOpts, buildSidecarOutboundTLSFilterChainOpts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import MeshOutboundMode
from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot import ir
from meltemi.pilot.model.host import covers, specificity
from meltemi.pilot.model.service import UNSPECIFIED, selects
from meltemi.pilot.scope.egress import MESH_GATEWAY, full_hosts
from meltemi.pilot.translate import name
from meltemi.pilot.translate.address import addresses
from meltemi.pilot.translate.cluster.service import families
from meltemi.pilot.translate.listener.connection import Side, http_filter
from meltemi.pilot.translate.listener.tcp import before, to_routes, to_service
from meltemi.pilot.translate.listener.virtual_outbound import (
    PLAIN_HTTP,
    allowed,
    host_lookup,
)
from meltemi.pilot.translate.route.match import qualified
from meltemi.pilot.translate.wildcard import wildcards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.virtual_service import (
        L4MatchAttributes,
        TLSMatchAttributes,
        VirtualService,
    )
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.egress import Egress
    from meltemi.pilot.scope.scope import Scope

    Virtual = Resource[VirtualService]

HANDSHAKE: Final = 15 * ir.SECOND
"""Istio's limit on a client's TLS handshake; Envoy has none."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A place where connections to a service's port are taken.

    Attributes:
        service: Who is called.
        port: The service's, or the one a Sidecar lists.
        binds: Addresses listened on.
        egress: For the VirtualServices that hold.
        bound: Whether the listener has a socket.
        chosen: Whether a person chose the address.
        ranges: The service's addresses, where those are ranges.

    """

    service: Service
    port: Port
    binds: tuple[str, ...]
    egress: Egress
    bound: bool = False
    chosen: bool = False
    ranges: tuple[str, ...] = ()


def chains(scope: Scope, opening: Opening) -> tuple[ir.FilterChain, ...]:
    """Return the chains for ``opening``, those that decide first first."""
    spoken = opening.port.protocol
    if spoken.is_http:
        return (_http(scope, opening),)
    if spoken.is_detected:
        return (*_tcp(scope, opening), _http(scope, opening))
    if spoken.is_tls:
        return tuple(_tls(scope, opening))
    return tuple(_tcp(scope, opening))


def _chain(
    opening: Opening, match: ir.ChainMatch, handler: ir.HttpFilter | ir.TcpFilter
) -> ir.FilterChain:
    return ir.FilterChain(
        "",
        match,
        handler,
        handshake_timeout=HANDSHAKE,
        ports=(opening.port.number,),
        origins=(opening.service.origin,),
    )


def _http(scope: Scope, opening: Opening) -> ir.FilterChain:
    """Return the chain for HTTP: on a captured port it shows by its first bytes."""
    table = table_name(scope, opening)
    prefix = f"outbound_{opening.binds[0]}_{opening.port.number}"
    handler = http_filter(scope, Side.OUTBOUND, prefix, table, opening.port.protocol)
    if opening.service.resolution is Resolution.DYNAMIC_DNS:
        cache = ir.HostCache(name.host_cache(opening.service.host), families(scope))
        lookup = ir.LookupByHost(cache)
        handler = replace(handler, last=(*handler.last, lookup))
    if allowed(scope) is MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS:
        handler = replace(handler, last=(*handler.last, host_lookup(scope)))
    match = ir.ChainMatch()
    if not opening.bound or opening.port.protocol.is_detected:
        match = ir.ChainMatch(transport="raw_buffer", protocols=PLAIN_HTTP)
    return _chain(opening, match, handler)


def table_name(scope: Scope, opening: Opening) -> str:
    """Return the route table for HTTP at ``opening``.

    A port where only one service can be meant has a table of its own.
    """
    port = opening.port
    if port.number == 0:
        return opening.binds[0]
    alone = opening.binds[0] not in (*wildcards(scope),)
    if port.protocol.is_detected and alone and not opening.chosen:
        return name.route_table(opening.service.host, port.number)
    return str(port.number)


def _tcp(scope: Scope, opening: Opening) -> Iterator[ir.FilterChain]:
    """Yield the chains for bytes; the first that matches every address ends them."""
    service, port = opening.service, opening.port
    own = tuple(sorted(opening.ranges))
    covered = False
    for virtual in _virtual_services(scope, opening):
        for rule in virtual.spec.tcp:
            if not rule.route:
                continue
            found = [
                match
                for match in rule.match
                if _concerns(scope, match, port.number, virtual)
            ]
            if rule.match and not found:
                continue
            handler = to_routes(scope, rule.route, virtual, port.number)
            subnets = tuple(net for match in found for net in match.destination_subnets)
            if not found or any(not match.destination_subnets for match in found):
                yield _chain(opening, ir.ChainMatch(ranges=opening.ranges), handler)
                return
            yield _chain(opening, ir.ChainMatch(ranges=subnets), handler)
            covered = covered or tuple(sorted(subnets)) == own
    if not covered:
        whole = _chain(
            opening,
            ir.ChainMatch(ranges=opening.ranges),
            to_service(scope, service, _number(service, port)),
        )
        yield replace(whole, before=before(scope, service, port))


def _tls(scope: Scope, opening: Opening) -> Iterator[ir.FilterChain]:
    """Yield the chains for TLS of the application's own, told apart by server name."""
    service, port = opening.service, opening.port
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for virtual in _virtual_services(scope, opening):
        for rule in virtual.spec.tls:
            for match in rule.match:
                if not _concerns(scope, match, port.number, virtual):
                    continue
                key = (tuple(sorted(match.sni_hosts)), match.destination_subnets)
                if key in seen:
                    continue
                seen.add(key)
                ranges = match.destination_subnets or opening.ranges
                chosen = ir.ChainMatch(
                    server_names=match.sni_hosts, ranges=ranges if port.number else ()
                )
                handler = to_routes(scope, rule.route, virtual, port.number)
                yield _chain(opening, chosen, handler)
    if not seen:
        names = _server_names(scope, opening)
        chosen = ir.ChainMatch(server_names=names, ranges=opening.ranges)
        handler = to_service(scope, service, _number(service, port))
        whole = _chain(opening, chosen, handler)
        yield replace(whole, before=before(scope, service, port))


def _server_names(scope: Scope, opening: Opening) -> tuple[str, ...]:
    """Return the names to tell services by that share an address; none if alone."""
    service = opening.service
    found = addresses(scope, service)[0]
    anywhere = found in ("", UNSPECIFIED) and opening.binds[0] in wildcards(scope)
    by_request = service.resolution is Resolution.DYNAMIC_DNS
    if opening.ranges or not found or anywhere or by_request:
        return (service.host, *service.aliases)
    return ()


def _number(service: Service, port: Port) -> int:
    """Return the service's port: its only one where a Sidecar lists another."""
    return service.ports[0].number if len(service.ports) == 1 else port.number


def _virtual_services(scope: Scope, opening: Opening) -> tuple[Virtual, ...]:
    """Return the VirtualServices for the service, those with its narrowest host."""
    suffix, host = scope.config.domain_suffix, opening.service.host
    ranked = [
        (max(specificity(each) for each in found), virtual)
        for virtual in opening.egress.virtual_services
        if (
            found := [
                each for each in full_hosts(virtual, suffix) if covers(each, host)
            ]
        )
    ]
    if not ranked:
        return ()
    best = max(rank for rank, _ in ranked)
    return tuple(virtual for rank, virtual in ranked if rank == best)


def _concerns(
    scope: Scope,
    match: L4MatchAttributes | TLSMatchAttributes,
    port: int,
    virtual: Virtual,
) -> bool:
    """Tell whether a match is about this workload and port at all.

    Source:
        pilot/pkg/networking/core/tls.go matchTLS, matchTCP.

    """
    group, home = scope.group, virtual.metadata.namespace
    if match.port and match.port != port:
        return False
    if match.gateways:
        return MESH_GATEWAY in qualified(match.gateways, home)
    wanted = match.source_namespace
    if wanted and not group.home(frozenset((wanted,))):
        return False
    return selects(match.source_labels, group.label_map)
