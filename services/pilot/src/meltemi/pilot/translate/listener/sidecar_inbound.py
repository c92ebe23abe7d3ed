"""What reaches a workload whose traffic is captured, by port and mutual TLS mode.

Source: pilot/pkg/networking/core/listener_inbound.go and filterchain_options.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.config.schema.sidecar import CaptureMode
from meltemi.pilot import ir
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.model.service import Port
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.inbound import Served, served
from meltemi.pilot.translate.cluster.pool import nanoseconds
from meltemi.pilot.translate.listener.connection import Side, http_filter
from meltemi.pilot.translate.listener.guards import guards
from meltemi.pilot.translate.listener.server_tls import mesh_server, terminating
from meltemi.pilot.translate.listener.tcp import black_hole, to_cluster
from meltemi.pilot.translate.route.inbound import inbound_route
from meltemi.pilot.translate.wildcard import virtual, wildcards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from meltemi.config.schema.sidecar import IstioIngressListener
    from meltemi.pilot.scope.scope import Scope

LISTENER: Final = "virtualInbound"
CATCH_ALL_HTTP: Final = "virtualInbound-catchall-http"
BLACK_HOLE: Final = "virtualInbound-blackhole"
PORT: Final = 15006
MESH_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_ANY: Final = ("istio", "istio-peer-exchange", *MESH_HTTP)
MESH_TCP: Final = ("istio-peer-exchange", "istio")
PLAIN_HTTP: Final = ("http/1.1", "h2c")
SERVER_ALPN: Final = ("h2", "http/1.1")
TCP_ALPN: Final = ("istio-peer-exchange", *SERVER_ALPN)
PRIVILEGED: Final = 1024


class Kind(StrEnum):
    """What a chain takes connections for."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Way:
    """One way into a port: what is seen of a connection, and what it is taken for."""

    kind: Kind
    transport: str
    protocols: tuple[str, ...] = ()
    mesh: bool = False
    """Whether mutual TLS is ended here."""


TLS: Final = "tls"
RAW: Final = "raw_buffer"
HTTP: Final = {
    MutualTLSMode.STRICT: (Way(Kind.HTTP, TLS, mesh=True),),
    MutualTLSMode.PERMISSIVE: (
        Way(Kind.HTTP, TLS, MESH_ANY, mesh=True),
        Way(Kind.HTTP, RAW),
    ),
    MutualTLSMode.DISABLE: (Way(Kind.HTTP, RAW),),
}
TCP: Final = {
    MutualTLSMode.STRICT: (Way(Kind.TCP, TLS, mesh=True),),
    MutualTLSMode.PERMISSIVE: (
        Way(Kind.TCP, TLS, MESH_ANY, mesh=True),
        Way(Kind.TCP, TLS),
        Way(Kind.TCP, RAW),
    ),
    MutualTLSMode.DISABLE: (Way(Kind.TCP, RAW),),
}
DETECTED: Final = {
    MutualTLSMode.STRICT: (
        Way(Kind.HTTP, TLS, MESH_HTTP, mesh=True),
        Way(Kind.TCP, TLS, mesh=True),
    ),
    MutualTLSMode.PERMISSIVE: (
        Way(Kind.HTTP, TLS, MESH_HTTP, mesh=True),
        Way(Kind.HTTP, RAW, PLAIN_HTTP),
        Way(Kind.TCP, TLS, MESH_TCP, mesh=True),
        Way(Kind.TCP, RAW),
        Way(Kind.TCP, TLS),
    ),
    MutualTLSMode.DISABLE: (
        Way(Kind.HTTP, RAW, PLAIN_HTTP),
        Way(Kind.TCP, RAW),
    ),
}


@dataclass(frozen=True, slots=True)
class Door:
    """A port, and how its chains are told apart.

    Attributes:
        of: The port; None for all that no service says anything of.
        number: The port the chains match; 0: any.
        mode: What PeerAuthentication says.
        listener: As a Sidecar writes it, if one does.
        bound: Whether it has a listener of its own.

    """

    of: Served | None
    number: int
    mode: MutualTLSMode
    listener: IstioIngressListener | None = None
    bound: bool = False


def sidecar_inbound(scope: Scope) -> Iterator[ir.Listener]:
    """Yield the listeners that callers reach the workload through."""
    doors = tuple(_doors(scope))
    for door in doors:
        if door.bound and door.of:
            yield _own_listener(scope, door, door.of)
    if scope.group.interception is not Interception.NONE:
        open_doors = [door for door in doors if not door.bound]
        yield _virtual(scope, [*open_doors, *_passthrough(scope)])


def _doors(scope: Scope) -> Iterator[Door]:
    listed = _listed(scope)
    for each in served(scope):
        if each.number in reserved(scope):
            continue
        listener = listed.get(each.number)
        bound = _bound(scope, listener)
        privileged = 0 < each.number < PRIVILEGED
        if bound and privileged and scope.group.node.unprivileged:
            continue
        mode = _mode(scope, each.number)
        yield Door(each, each.number, mode, listener, bound=bound)


def _listed(scope: Scope) -> dict[int, IstioIngressListener]:
    ingress = scope.sidecar.spec.ingress if scope.sidecar else ()
    return {each.port.number or 0: each for each in ingress}


def _bound(scope: Scope, listener: IstioIngressListener | None) -> bool:
    if scope.group.interception is Interception.NONE:
        return True
    return listener is not None and listener.capture_mode is CaptureMode.NONE


def reserved(scope: Scope) -> frozenset[int]:
    """Return the ports that the proxy itself listens on."""
    node = scope.group.node
    given = (node.status_port, node.prometheus_port, node.secure_metrics_port)
    return frozenset(given) - {0}


def _mode(scope: Scope, port: int) -> MutualTLSMode:
    group = scope.group
    return scope.mutual_tls(group.namespace, group.label_map, port)


def _passthrough(scope: Scope) -> Iterator[Door]:
    """Yield the doors for ports of no service: any, and those with a policy."""
    yield Door(None, 0, _mode(scope, 0))
    known = {each.number for each in served(scope)}
    for number in scope.mutual_tls_ports():
        if number not in known:
            yield Door(None, number, _mode(scope, number))


def _virtual(scope: Scope, doors: Iterable[Door]) -> ir.Listener:
    doors = list(doors)
    port = scope.config.document.proxy_inbound_listen_port or 0
    first, *more = virtual(scope)[: 2 if scope.config.features.dual_stack else 1]
    tproxy = scope.group.interception is Interception.TPROXY
    chains = [_black_hole(port)]
    guard = guards(scope)
    chains += [guard.chain(chain) for door in doors for chain in _chains(scope, door)]
    return ir.Listener(
        name=LISTENER,
        address=first,
        port=port,
        direction=ir.Direction.INBOUND,
        chains=tuple(chains),
        more_addresses=tuple(more),
        inspect_tls=_inspection(scope, doors, _needs_tls),
        inspect_http=_inspection(scope, doors, _needs_http),
        find_destination=True,
        keep_source=tproxy,
        transparent=tproxy,
        even=scope.group.node.inbound_exact_balance,
        accept_one_by_one=True,
        inspection_timeout=nanoseconds(
            scope.config.document.protocol_detection_timeout
        ),
        proceed_after_timeout=True,
        origins=tuple(
            service.origin for door in doors if door.of for service in door.of.services
        ),
    )


def _own_listener(scope: Scope, door: Door, of: Served) -> ir.Listener:
    bind = _bind(scope, door)
    return ir.Listener(
        name=f"{bind}_{of.number}",
        address=bind,
        port=of.number,
        direction=ir.Direction.INBOUND,
        chains=tuple(map(guards(scope).chain, _chains(scope, door))),
        inspect_tls=_inspection(scope, [door], _needs_tls),
        inspect_http=_inspection(scope, [door], _needs_http),
        even=scope.group.node.inbound_exact_balance,
        accept_one_by_one=True,
        inspection_timeout=nanoseconds(
            scope.config.document.protocol_detection_timeout
        ),
        proceed_after_timeout=True,
        origins=tuple(service.origin for service in of.services),
    )


def _bind(scope: Scope, door: Door) -> str:
    """Return where a listener of a Sidecar is: as it says, or where its workload is.

    A node that names no address has it at every one.
    """
    said = door.listener.bind if door.listener else ""
    return said or next(iter(scope.group.addresses), wildcards(scope)[0])


def _black_hole(port: int) -> ir.FilterChain:
    """Return the end of connections to the listener itself, which would loop."""
    match = ir.ChainMatch(port=port)
    return ir.FilterChain(BLACK_HOLE, match, black_hole())


def _ways(scope: Scope, door: Door) -> tuple[Way, ...]:
    protocol = door.of.port.protocol if door.of else Protocol.DETECTED
    if _terminates(scope, door):
        kind = Kind.HTTP if protocol.is_http else Kind.TCP
        return (Way(kind, TLS),)
    table = DETECTED if protocol.is_detected else HTTP if protocol.is_http else TCP
    return table[door.mode]


def _terminates(scope: Scope, door: Door) -> bool:
    """Tell whether TLS is ended with the certificates that a Sidecar names."""
    wanted = scope.config.features.tls_on_sidecar_ingress
    has = door.listener is not None and door.listener.tls is not None
    return wanted and has and door.mode is MutualTLSMode.DISABLE


def _chains(scope: Scope, door: Door) -> Iterator[ir.FilterChain]:
    for way in _ways(scope, door):
        yield ir.FilterChain(
            name=_chain_name(scope, door, way.kind),
            match=ir.ChainMatch(
                transport=way.transport, protocols=way.protocols, port=door.number
            ),
            filter=_handler(scope, door, way.kind),
            tls=_server(scope, door, way),
            ports=(door.number,) if door.number else (),
            origins=(
                tuple(each.origin for each in door.of.services) if door.of else ()
            ),
        )


def _chain_name(scope: Scope, door: Door, kind: Kind) -> str:
    if door.of is None:
        return CATCH_ALL_HTTP if kind is Kind.HTTP else LISTENER
    if door.listener is not None:
        return f"{_bind(scope, door)}_{door.number}"
    return f"{wildcards(scope)[0]}_{door.number}"


def _server(scope: Scope, door: Door, way: Way) -> ir.Server | None:
    if _terminates(scope, door) and door.listener and door.listener.tls:
        return terminating(door.listener.tls)
    if not way.mesh:
        return None
    return mesh_server(scope, SERVER_ALPN if way.kind is Kind.HTTP else TCP_ALPN)


def _handler(scope: Scope, door: Door, kind: Kind) -> ir.HttpFilter | ir.TcpFilter:
    cluster = name.inbound_cluster(door.number) if door.of else name.INBOUND_PASSTHROUGH
    if kind is Kind.TCP:
        return to_cluster(scope, cluster)
    port = door.of.port if door.of else Port(0, "", Protocol.DETECTED)
    host = _label(scope, door)
    table = inbound_route(scope, cluster, host, port)
    if door.of:
        origins = tuple(each.origin for each in door.of.services)
        (only,) = table.hosts
        routes = tuple(replace(each, origins=origins) for each in only.routes)
        table = replace(table, hosts=(replace(only, routes=routes),))
    prefix = cluster.replace("|", "_").rstrip("_")
    return http_filter(scope, Side.INBOUND, prefix, table, port.protocol)


def _label(scope: Scope, door: Door) -> str:
    """Return what traces call the host: a Sidecar's own port is called after it."""
    if door.listener and scope.sidecar:
        metadata = scope.sidecar.metadata
        return f"{metadata.name}.{metadata.namespace}"
    return door.of.services[0].host if door.of else ""


def _needs_tls(way: Way) -> bool:
    return way.transport == TLS


def _needs_http(way: Way) -> bool:
    return bool(set(way.protocols) & set(PLAIN_HTTP))


def _inspection(
    scope: Scope, doors: Iterable[Door], needs: Callable[[Way], bool]
) -> ir.Inspection:
    """Return on which ports first bytes are looked at.

    Where ports of no service need it, the others must be left out one by one: a
    server that speaks first would otherwise wait for its client.
    """
    wanted = {door.number: any(map(needs, _ways(scope, door))) for door in doors}
    if wanted.get(0):
        wanted[scope.config.document.proxy_inbound_listen_port or 0] = False
        return ir.Inspection(off=frozenset(p for p, need in wanted.items() if not need))
    return ir.Inspection(on=frozenset(p for p, need in wanted.items() if need))
