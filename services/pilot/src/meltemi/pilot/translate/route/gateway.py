"""What a gateway does with requests: a route table a server, or for plain ports.

Source: pilot/pkg/networking/core/gateway.go buildGatewayHTTPRouteConfig.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.model.host import intersection
from meltemi.pilot.scope.egress import full_hosts
from meltemi.pilot.translate.listener.tcp import destinations_of
from meltemi.pilot.translate.route.match import Caller
from meltemi.pilot.translate.route.rules import routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.listener.gateway_servers import Opening


@dataclass(slots=True)
class _Host:
    """A virtual host as servers and VirtualServices add to it."""

    port: int
    routes: list[ir.Route] = field(default_factory=list[ir.Route])
    redirects: bool = False


def gateway_table(scope: Scope, openings: Sequence[Opening]) -> ir.RouteTable:
    """Return the route table of ``openings``, which all fetch the same one."""
    hosts: dict[str, _Host] = {}
    for opening in openings:
        _serve(scope, opening, hosts)
    made = tuple(_virtual_host(scope, host, hosts[host]) for host in sorted(hosts)) or (
        _nothing(openings[0].server.port.number),
    )
    return ir.RouteTable(openings[0].table, made)


def _serve(scope: Scope, opening: Opening, hosts: dict[str, _Host]) -> None:
    port, tls = opening.server.port.number, opening.server.tls
    redirects = bool(tls and tls.https_redirect)
    for virtual in scope.bound(opening.title):
        served = served_hosts(scope, opening, virtual)
        if not served:
            continue
        found = _routes(scope, opening, virtual)
        if not found:
            continue
        for host in served:
            held = hosts.setdefault(host, _Host(port))
            held.routes += found
            held.redirects = held.redirects or redirects
    if redirects:
        for host in patterns(opening):
            hosts.setdefault(host, _Host(port)).redirects = True


def _virtual_host(scope: Scope, host: str, held: _Host) -> ir.VirtualHost:
    """Return the virtual host; what takes every request goes last, but in order."""
    return ir.VirtualHost(
        name=f"{host}:{held.port}",
        domains=(host,),
        routes=tuple(sorted(held.routes, key=lambda route: route.match.everything)),
        require_tls=held.redirects,
        count_attempts=scope.counts_attempts,
    )


def _routes(
    scope: Scope, opening: Opening, virtual: Resource[VirtualService]
) -> tuple[ir.Route, ...]:
    caller = Caller(
        namespace=scope.group.home(scope.index.source_namespaces),
        port=opening.server.port.number,
        labels=scope.group.label_map,
        gateways=frozenset({opening.title}),
        forwarded_host=scope.forwards_host,
    )
    destinations = destinations_of(scope, virtual, opening.server.port.number)
    return routes(virtual, caller, destinations, scope.delegates)


def served_hosts(
    scope: Scope, opening: Opening, virtual: Resource[VirtualService]
) -> tuple[str, ...]:
    """Return the hosts that both the server and the VirtualService are for."""
    home = virtual.metadata.namespace
    listed = tuple(patterns(opening, viewer=home))
    return intersection(listed, full_hosts(virtual, scope.config.domain_suffix))


def patterns(opening: Opening, viewer: str | None = None) -> Iterator[str]:
    """Yield the server's hosts that VirtualServices of ``viewer`` may use.

    ``ns/host`` is for those of one namespace, ``./host`` for the Gateway's own.
    """
    for written in opening.server.hosts:
        namespace, slash, host = written.rpartition("/")
        if namespace == ".":
            namespace = opening.gateway.metadata.namespace
        if viewer is None or not slash or namespace in ("*", viewer):
            yield host.lower()


def _nothing(port: int) -> ir.VirtualHost:
    """Return the answer of a gateway that no VirtualService is bound to: 404."""
    return ir.VirtualHost(f"blackhole:{port}", ("*",), (), count_attempts=False)
