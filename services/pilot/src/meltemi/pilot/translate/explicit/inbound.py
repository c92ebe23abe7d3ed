"""What reaches a workload: one address for all of its services.

Nothing captures the destination address for an explicit proxy, so mutual TLS callers
are told apart by the server name they ask for, which holds host and port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.pilot import ir
from meltemi.pilot.translate import name
from meltemi.pilot.translate.listener.connection import Side, http_filter
from meltemi.pilot.translate.listener.guards import guards
from meltemi.pilot.translate.listener.server_tls import mesh_server
from meltemi.pilot.translate.listener.tcp import to_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.scope import Scope

LISTENER = "virtualInbound"
HTTP_ALPN = ("h2", "http/1.1")
TCP_ALPN = ("istio-peer-exchange", "istio")


def ports(scope: Scope) -> dict[int, Port]:
    """Return the ports of the workload's services, by number."""
    return {port.number: port for service in scope.own for port in service.ports}


def inbound(scope: Scope) -> ir.Listener | None:
    """Return the listener that callers reach the workload through, if it has any."""
    bind = scope.group.explicit.inbound
    own = {
        number: port
        for number, port in sorted(ports(scope).items())
        if number in dict(scope.group.explicit.apps)
    }
    if bind is None or not own:
        return None
    modes = {number: _mode(scope, port) for number, port in own.items()}
    chains = [
        chain
        for number, port in own.items()
        if modes[number] is not MutualTLSMode.DISABLE
        for chain in _secure(scope, port, alone=len(own) == 1)
    ]
    open_ports = [
        port
        for number, port in own.items()
        if modes[number] is not MutualTLSMode.STRICT
    ]
    chains += _plain(scope, open_ports)
    return ir.Listener(
        name=LISTENER,
        address=bind.address,
        port=bind.port,
        direction=ir.Direction.INBOUND,
        chains=tuple(map(guards(scope).chain, chains)),
        inspect_tls=ir.Inspection(),
        inspection_timeout=0,
        proceed_after_timeout=True,
        origins=tuple(service.origin for service in scope.own),
    )


def _mode(scope: Scope, port: Port) -> MutualTLSMode:
    return scope.mutual_tls(
        scope.group.namespace, scope.group.label_map, port.target or port.number
    )


def _secure(scope: Scope, port: Port, *, alone: bool) -> Iterator[ir.FilterChain]:
    """Yield the chain for mutual TLS callers of ``port``.

    Callers of a subset put its name into the server name. Where the workload has one
    port only, any name of its hosts means that port, so that a subset made a moment
    ago works before this listener hears of it.
    """
    names = tuple(
        dict.fromkeys(
            each
            for service in scope.own
            if port.number in {known.number for known in service.ports}
            for each in _server_names(scope, service, port, alone=alone)
        )
    )
    if not names:
        return
    handler = _handler(scope, port)
    alpn = HTTP_ALPN if port.protocol.is_http else TCP_ALPN
    yield ir.FilterChain(
        name=f"{LISTENER}|{port.number}",
        match=ir.ChainMatch(server_names=names, transport="tls"),
        filter=handler,
        tls=mesh_server(scope, alpn),
        ports=(port.target or port.number,),
    )


def _server_names(
    scope: Scope, service: Service, port: Port, *, alone: bool
) -> Iterator[str]:
    if alone:
        yield f"*.{service.host.removeprefix('*.')}"
        return
    if "*" in service.host:
        return  # Envoy takes no name with a star in its midst
    rule = scope.rule(service.host)
    yield name.server_name(port.number, "", service.host)
    for subset in rule.spec.subsets if rule else ():
        yield name.server_name(port.number, subset.name, service.host)


def _plain(scope: Scope, open_ports: list[Port]) -> Iterator[ir.FilterChain]:
    """Yield the chain for callers without TLS.

    One port takes them all. Of several, HTTP requests are told apart by the host they
    ask for; bytes of other protocols say nothing to tell them apart by, and are not
    accepted.
    """
    http = {port.number: port for port in open_ports if port.protocol.is_http}
    match open_ports:
        case []:
            return
        case [only]:
            handler = _handler(scope, only)
        case _ if http:
            hosts = _virtual_hosts(scope, http)
            handler = _http(scope, name.inbound_cluster(0), hosts)
        case _:
            return
    yield ir.FilterChain(
        name=f"{LISTENER}-plaintext",
        match=ir.ChainMatch(transport="raw_buffer"),
        filter=handler,
        ports=tuple(each.target or each.number for each in open_ports),
    )


def _handler(scope: Scope, port: Port) -> ir.HttpFilter | ir.TcpFilter:
    cluster = name.inbound_cluster(port.number)
    if not port.protocol.is_http:
        return to_cluster(scope, cluster)
    host = ir.VirtualHost(
        name=f"inbound|http|{port.number}",
        domains=("*",),
        routes=(_route(scope, port),),
    )
    return _http(scope, cluster, (host,))


def _http(scope: Scope, table: str, hosts: tuple[ir.VirtualHost, ...]) -> ir.HttpFilter:
    prefix = table.replace("|", "_").rstrip("_")
    return http_filter(scope, Side.INBOUND, prefix, ir.RouteTable(table, hosts))


def _virtual_hosts(
    scope: Scope, http: Mapping[int, Port]
) -> tuple[ir.VirtualHost, ...]:
    places = dict.fromkeys(
        (service.host, number)
        for service in scope.own
        for number in http
        if number in {each.number for each in service.ports}
    )
    return tuple(
        ir.VirtualHost(
            name=f"inbound|{host}|{number}",
            domains=(f"{host}:{number}",),
            routes=(_route(scope, http[number]),),
        )
        for host, number in places
    )


def _route(scope: Scope, port: Port) -> ir.Route:
    origins = tuple(service.origin for service in scope.own)
    host = scope.own[0].host
    return ir.Route(
        name="default",
        match=ir.Match(),
        action=ir.Forward((ir.Target(name.inbound_cluster(port.number), 1),)),
        operation=f"{host}:{port.number}/*",
        origins=origins,
    )
