"""What leaves a sidecar: one listener a service, with the routes for it.

Nothing captures traffic for an explicit proxy, so the application is told a local
port for each service and the listener on it knows the service by that alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meltemi.pilot import ir
from meltemi.pilot.model.host import domains
from meltemi.pilot.model.service import selects
from meltemi.pilot.translate import name
from meltemi.pilot.translate.listener.connection import Side, http_filter, proxying
from meltemi.pilot.translate.listener.tcp import destinations_of, to_cluster
from meltemi.pilot.translate.route.forward import tcp_targets
from meltemi.pilot.translate.route.match import qualified
from meltemi.pilot.translate.route.wrapper import Anew

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.virtual_service import L4MatchAttributes
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.proxy import Bind
    from meltemi.pilot.scope.scope import Scope


@dataclass(frozen=True, slots=True)
class Served:
    """A listener and the route tables it fetches."""

    listener: ir.Listener
    tables: tuple[ir.RouteTable, ...] = field(default=())


def outbound(scope: Scope) -> Iterator[Served]:
    """Yield what the workload's application reaches other services through."""
    for target, bind in scope.group.explicit.outbound:
        host, _, number = target.rpartition(":")
        service = scope.services.get(host)
        port = _port(service, number) if service else None
        if service and port:
            yield _numbered(_listener(scope, service, port, bind), port)
    if scope.group.explicit.http_proxy:
        yield _http_proxy(scope, scope.group.explicit.http_proxy)


def _port(service: Service, number: str) -> Port | None:
    return next((each for each in service.ports if str(each.number) == number), None)


def _numbered(made: Served, port: Port) -> Served:
    chains = tuple(replace(each, ports=(port.number,)) for each in made.listener.chains)
    return replace(made, listener=replace(made.listener, chains=chains))


def _listener(scope: Scope, service: Service, port: Port, bind: Bind) -> Served:
    if not port.protocol.is_http:
        return Served(_made(bind, service, _tcp(scope, service, port)))
    table = name.route_table(service.host, port.number)
    http = http_filter(scope, Side.OUTBOUND, f"outbound_{table}", table, port.protocol)
    only = ir.VirtualHost(
        name=f"{service.host}:{port.number}",
        domains=("*",),
        routes=_routes(scope, service, port),
    )
    return Served(_made(bind, service, http), (ir.RouteTable(table, (only,)),))


def _made(
    bind: Bind, service: Service, handler: ir.HttpFilter | ir.TcpFilter
) -> ir.Listener:
    listener = f"{bind.address}_{bind.port}"
    return ir.Listener(
        name=listener,
        address=bind.address,
        port=bind.port,
        direction=ir.Direction.OUTBOUND,
        chains=(ir.FilterChain(listener, ir.ChainMatch(), handler),),
        origins=(service.origin,),
    )


def _routes(scope: Scope, service: Service, port: Port) -> tuple[ir.Route, ...]:
    virtual = scope.virtual_service(service.host)
    making = Anew(scope)
    made = making.of_rules(virtual, port.number) if virtual else ()
    return made or making.of_service(service, port)


def _tcp(scope: Scope, service: Service, port: Port) -> ir.TcpFilter:
    whole = ir.Target(name.outbound_cluster(port.number, "", service.host), 1)
    targets: tuple[ir.Target, ...] = (whole,)
    virtual = scope.virtual_service(service.host)
    for rule in virtual.spec.tcp if virtual else ():
        home = virtual.metadata.namespace if virtual else ""
        if virtual and _any_concerns(rule.match, scope, port, home):
            destinations = destinations_of(scope, virtual, port.number)
            targets = tcp_targets(rule.route, destinations)
            break
    return replace(to_cluster(scope, whole.cluster), targets=targets)


def _any_concerns(
    matches: tuple[L4MatchAttributes, ...], scope: Scope, port: Port, home: str
) -> bool:
    """Tell whether one of ``matches`` is about this workload and port.

    All of a match is about the caller, but for the destination's subnet: an explicit
    listener stands for the service, whatever address it has.
    """
    return not matches or any(
        (not match.port or match.port == port.number)
        and (not match.gateways or "mesh" in qualified(match.gateways, home))
        and match.source_namespace in (None, "", scope.group.namespace)
        and selects(match.source_labels, scope.group.label_map)
        for match in matches
    )


def _http_proxy(scope: Scope, bind: Bind) -> Served:
    """Return the listener for applications that honour ``http_proxy``."""
    hosts = []
    taken: set[str] = set()
    home = f"{scope.group.namespace}.svc.{scope.config.domain_suffix}"
    for service in scope.services.values():
        for port in service.ports:
            if not port.protocol.is_http:
                continue
            names = domains(service.host, home)
            wanted = [f"{each}:{port.number}" for each in names]
            if port.number == HTTP_PORT:
                wanted += names
            free = tuple(each for each in wanted if each not in taken)
            taken.update(free)
            if free:
                routing = _routes(scope, service, port)
                label = f"{service.host}:{port.number}"
                hosts.append(ir.VirtualHost(label, free, routing))
    listener = f"{bind.address}_{bind.port}"
    http = proxying(
        http_filter(scope, Side.OUTBOUND, name.HTTP_PROXY_TABLE, name.HTTP_PROXY_TABLE)
    )
    return Served(
        ir.Listener(
            name=listener,
            address=bind.address,
            port=bind.port,
            direction=ir.Direction.OUTBOUND,
            chains=(ir.FilterChain(listener, ir.ChainMatch(), http),),
        ),
        (ir.RouteTable(name.HTTP_PROXY_TABLE, tuple(hosts), ignore_port=False),),
    )


HTTP_PORT = 80
"""The port that ``http://host/`` means."""
