"""What a gateway serves: HTTP from outside, by the hosts of its Gateways.

Source: pilot/pkg/networking/core/gateway.go: servers of one port share a listener and
a route table; VirtualServices for one host are joined, catch-alls last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.model.host import intersection
from meltemi.pilot.scope.egress import full_hosts
from meltemi.pilot.scope.proxy import Bind
from meltemi.pilot.translate import name
from meltemi.pilot.translate.connection import Side, http_filter
from meltemi.pilot.translate.explicit_outbound import Served
from meltemi.pilot.translate.forward import Destinations
from meltemi.pilot.translate.match import Caller, qualified
from meltemi.pilot.translate.routes import routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.gateway import Gateway, Server
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.scope.scope import Scope

HTTP_PROTOCOLS = {"HTTP", "HTTP2", "GRPC", "GRPC-WEB"}
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a gateway is there to be reached


@dataclass(frozen=True, slots=True)
class Opening:
    """One server of one Gateway."""

    gateway: Resource[Gateway]
    number: int
    server: Server

    @property
    def title(self) -> str:
        """The Gateway as VirtualServices name it."""
        metadata = self.gateway.metadata
        return f"{metadata.namespace}/{metadata.name}"

    @property
    def origin(self) -> ir.Origin:
        """The server, as its author would point at it."""
        metadata = self.gateway.metadata
        path = f"spec.servers[{self.number}]"
        return ir.Origin(self.gateway.kind, metadata.namespace, metadata.name, path)


def gateway(scope: Scope) -> Iterator[Served]:
    """Yield a listener and its route table for each plain HTTP port."""
    by_port: dict[int, list[Opening]] = {}
    for each in scope.gateways:
        for number, server in enumerate(each.spec.servers):
            if server.port.protocol.upper() in HTTP_PROTOCOLS:
                opening = Opening(each, number, server)
                by_port.setdefault(server.port.number, []).append(opening)
    for port, openings in sorted(by_port.items()):
        yield _served(scope, port, openings)


def _served(scope: Scope, port: int, openings: Sequence[Opening]) -> Served:
    bind = dict(scope.group.explicit.gateway).get(port, Bind(ANY_ADDRESS, port))
    table = name.gateway_table(bind.port)
    listener = f"{bind.address}_{bind.port}"
    http = http_filter(scope, Side.GATEWAY, f"outbound_{listener}", table)
    made = ir.Listener(
        name=listener,
        address=bind.address,
        port=bind.port,
        direction=ir.Direction.OUTBOUND,
        chains=(ir.FilterChain(listener, ir.ChainMatch(), http),),
        origins=tuple(each.origin for each in openings),
    )
    served = tuple(_virtual_hosts(scope, port, openings))
    return Served(made, (ir.RouteTable(table, served or (_nothing(port),)),))


def _virtual_hosts(
    scope: Scope, port: int, openings: Sequence[Opening]
) -> Iterator[ir.VirtualHost]:
    joined: dict[str, list[ir.Route]] = {}
    redirects: set[str] = set()
    for opening in openings:
        tls = opening.server.tls
        for virtual in scope.bound(opening.title):
            served = _served_hosts(scope, opening, virtual)
            if not served:
                continue
            found = _routes(scope, port, opening, virtual)
            for host in served:
                joined.setdefault(host, []).extend(found)
        if tls and tls.https_redirect:
            for pattern in _patterns(opening):
                redirects.add(pattern)
                joined.setdefault(pattern, [])
    for host, rules in joined.items():
        ordered = sorted(rules, key=lambda route: route.match.everything)
        if ordered or host in redirects:
            yield ir.VirtualHost(
                name=f"{host}:{port}",
                domains=(host,),
                routes=tuple(ordered),
                require_tls=host in redirects,
            )


def _routes(
    scope: Scope, port: int, opening: Opening, virtual: Resource[VirtualService]
) -> tuple[ir.Route, ...]:
    caller = Caller(
        namespace=scope.group.namespace,
        port=port,
        labels=dict(scope.group.labels),
        gateways=frozenset({opening.title}),
    )
    destinations = Destinations(
        services=scope.services,
        rules=scope.holding,
        namespace=virtual.metadata.namespace,
        domain_suffix=scope.config.domain_suffix,
        port=port,
    )
    return routes(virtual, caller, destinations, scope.delegates)


def _served_hosts(
    scope: Scope, opening: Opening, virtual: Resource[VirtualService]
) -> tuple[str, ...]:
    """Return the hosts that both the server and the VirtualService are for."""
    home = virtual.metadata.namespace
    if opening.title not in qualified(virtual.spec.gateways, home):
        return ()
    patterns = tuple(_patterns(opening, viewer=home))
    return intersection(patterns, full_hosts(virtual, scope.config.domain_suffix))


def _patterns(opening: Opening, viewer: str | None = None) -> Iterator[str]:
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
    nowhere = ir.Route(name="default", match=ir.Match(), action=ir.Respond(404))
    return ir.VirtualHost(f"blackhole:{port}", ("*",), (nowhere,))
