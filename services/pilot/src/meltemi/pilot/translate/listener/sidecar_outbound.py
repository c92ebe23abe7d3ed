"""What leaves a workload whose traffic is captured: a listener a port or address.

Source: pilot/pkg/networking/core/listener.go buildSidecarOutboundListeners.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.service_entry import Resolution
from meltemi.config.schema.sidecar import CaptureMode
from meltemi.pilot import ir
from meltemi.pilot.model.host import is_address
from meltemi.pilot.model.protocol import Protocol, protocol
from meltemi.pilot.model.service import UNSPECIFIED, Port, Registry
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.translate import name
from meltemi.pilot.translate.address import addresses
from meltemi.pilot.translate.cluster.pool import nanoseconds
from meltemi.pilot.translate.listener.connection import Side, http_filter, proxying
from meltemi.pilot.translate.listener.outbound_chains import HANDSHAKE, Opening, chains
from meltemi.pilot.translate.listener.sidecar_inbound import PRIVILEGED, reserved
from meltemi.pilot.translate.listener.virtual_outbound import passthrough_chain
from meltemi.pilot.translate.route.wrapper import Asked, asked_table
from meltemi.pilot.translate.wildcard import ANY6, loopbacks, wildcards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.egress import Egress
    from meltemi.pilot.scope.scope import Scope

NEVER_SHARED: Final = (Protocol.MONGO, Protocol.MYSQL)
"""Protocols whose filter must be alone on a port."""
HTTP_ALPN: Final = frozenset({"http/1.1", "h2c"})


@dataclass(frozen=True, slots=True)
class Held:
    """What a listener has come to, as services are added to it.

    Attributes:
        opening: The first that asked for it.
        chains: No two of one match: the first service has it.
        locked: Whether a Sidecar listed the port, so that others keep out.
        origins: The services behind it.
        tables: The route tables it fetches.

    """

    opening: Opening
    chains: tuple[ir.FilterChain, ...]
    locked: bool
    origins: ir.Origins
    tables: tuple[Asked, ...]


def sidecar_outbound(scope: Scope) -> Iterator[tuple[ir.Listener, tuple[Asked, ...]]]:
    """Yield the listeners for what the workload sends, with the tables they fetch."""
    held: dict[tuple[str, int], list[Held]] = {}
    for egress in scope.egress:
        listed = egress.port > 0 or _socket(egress)
        locked = {key for key, each in held.items() if each and each[0].locked}
        for opening in _openings(scope, egress):
            key = (opening.binds[0], opening.port.number)
            if key in locked:
                continue
            known = held.setdefault(key, [])
            if known and _asks_the_same(opening, known[0].opening):
                known.append(_more(opening, known[0]))
            elif made := chains(scope, opening):
                known.append(_held(opening, made, locked=listed))
    for first, *others in filter(None, held.values()):
        each = _joined(first, others)
        yield _listener(scope, each), each.tables


def _asks_the_same(opening: Opening, first: Opening) -> bool:
    """Tell whether ``opening`` comes to the chain for HTTP that ``first`` came to.

    Most services of a mesh are on one port, where a chain is for all of them.
    """
    spoken, looked_up = opening.port.protocol, Resolution.DYNAMIC_DNS
    return (
        spoken.is_http
        and spoken is first.port.protocol
        and looked_up not in (opening.service.resolution, first.service.resolution)
        and opening.egress is first.egress
        and (opening.binds, opening.bound, opening.chosen)
        == (first.binds, first.bound, first.chosen)
    )


def _more(opening: Opening, first: Held) -> Held:
    """Return ``opening`` with the chains of ``first``, whose tables are known."""
    origins = (opening.service.origin,)
    return Held(opening, first.chains, first.locked, origins, ())


def _socket(egress: Egress) -> bool:
    return bool(egress.listener and (egress.listener.bind or "").startswith("unix://"))


def _openings(scope: Scope, egress: Egress) -> Iterator[Opening]:
    bound = _bound(scope, egress)
    listener = egress.listener
    if listener and listener.port and (listener.port.number or _socket(egress)):
        yield from _listed(scope, egress, bound=bound)
        return
    bind = (listener.bind or "") if listener else ""
    may_listen = _may_listen(scope, bind, bound=bound)
    for service in egress.services:
        for port in service.ports:
            if port.protocol is Protocol.UDP or not may_listen(port):
                continue
            if not service.alias_of:
                opening = Opening(service, port, (bind,), egress, bound)
                yield from _of_service(scope, opening)


def _bound(scope: Scope, egress: Egress) -> bool:
    if scope.group.interception is Interception.NONE or _socket(egress):
        return True
    listener = egress.listener
    return listener is not None and listener.capture_mode is CaptureMode.NONE


def _may_listen(scope: Scope, bind: str, *, bound: bool) -> Callable[[Port], bool]:
    """Return what tells whether the proxy can listen at a port: some it has already.

    Source:
        pilot/pkg/networking/core/listener.go conflictWithReservedListener: at any
        address; requests are listened for there where no address is said.

    """
    node, document = scope.group.node, scope.config.document
    taken = (
        node.status_port,
        node.prometheus_port,
        document.proxy_listen_port,
        document.proxy_inbound_listen_port,
    )
    own = reserved(scope) if bound else frozenset[int]()
    lowest = PRIVILEGED if bound and node.unprivileged else 0
    anywhere, somewhere = bind == UNSPECIFIED, bool(bind)

    def may_listen(port: Port) -> bool:
        everywhere = anywhere or (not somewhere and port.protocol.is_http)
        if everywhere and port.number in taken:
            return False
        return port.number not in own and not 0 < port.number < lowest

    return may_listen


def _listed(scope: Scope, egress: Egress, *, bound: bool) -> Iterator[Opening]:
    """Yield what a Sidecar lists with a port of its own."""
    listener = egress.listener
    if listener is None or listener.port is None:
        return
    number = listener.port.number or 0
    port = Port(number, listener.port.name or "", protocol(listener.port.protocol))
    if not _may_listen(scope, listener.bind or "", bound=bound)(port):
        return
    binds: tuple[str, ...] = (listener.bind,) if listener.bind else ()
    if not binds:
        binds = loopbacks(scope) if bound else wildcards(scope)
    for service in egress.services:
        if service.alias_of:
            continue
        yield Opening(
            service=service,
            port=port,
            binds=binds,
            egress=egress,
            bound=bound,
            chosen=bool(listener.bind) or bound,
        )


def _of_service(scope: Scope, opening: Opening) -> Iterator[Opening]:
    """Yield ``opening``, whose bind is what its listener says, where it listens."""
    service, port = opening.service, opening.port
    if opening.binds[0]:
        yield replace(opening, chosen=True)
        return
    if port.protocol.is_http:
        bound_none = scope.group.interception is Interception.NONE
        binds = loopbacks(scope) if bound_none else wildcards(scope)
        yield replace(opening, binds=binds)
        return
    found = addresses(scope, service)
    headless = service.resolution is Resolution.NONE and found[0] == UNSPECIFIED
    if headless and not _unknown(service, port):
        yield from _headless(scope, opening)
        return
    if "/" in found[0]:
        yield replace(opening, binds=wildcards(scope), ranges=found)
        return
    external = service.registry is Registry.EXTERNAL
    if found[0] == UNSPECIFIED and external and not scope.group.ipv4:
        found = (ANY6,)
    yield replace(opening, binds=found)


def _unknown(service: Service, port: Port) -> bool:
    """Tell whether nothing at all is known of who answers."""
    own = service.registry is Registry.KUBERNETES
    return not own and not service.of(port) and not service.selector


def _headless(scope: Scope, opening: Opening) -> Iterator[Opening]:
    """Yield one opening an endpoint: clients connect to their addresses directly."""
    own = set(scope.group.addresses[:1])
    endpoints = [
        each.address
        for each in opening.service.of(opening.port)
        if each.addresses and is_address(each.address) and each.address not in own
    ]
    if scope.config.features.headless_filter_chains:
        ranges = tuple(dict.fromkeys(endpoints))
        for each in ranges:
            yield replace(opening, binds=wildcards(scope), ranges=(each,))
        return
    for each in endpoints:
        yield replace(opening, binds=(each,))


def _held(opening: Opening, made: tuple[ir.FilterChain, ...], *, locked: bool) -> Held:
    port, egress, host = opening.port, opening.egress, opening.service.host
    tables = tuple(
        asked_table(chain.filter.routes, port.number, port.protocol, egress, host)
        for chain in made
        if isinstance(chain.filter, ir.HttpFilter)
        and isinstance(chain.filter.routes, str)
    )
    return Held(opening, made, locked, (opening.service.origin,), tables)


def _joined(held: Held, others: Iterable[Held]) -> Held:
    """Return ``held`` with those chains of others that match what none matches yet."""
    known = {_networks(each.match) for each in held.chains}
    chains, origins, tables = list(held.chains), list(held.origins), list(held.tables)
    for new in others:
        if _alone(held.opening.port.protocol, new.opening.port.protocol):
            continue
        same = new.chains is held.chains
        rest = () if same else new.chains
        fresh = [each for each in rest if _networks(each.match) not in known]
        known.update(_networks(each.match) for each in fresh)
        chains += fresh
        origins += new.origins
        if any(isinstance(each.filter, ir.HttpFilter) for each in fresh):
            tables += new.tables
    return replace(
        held,
        chains=tuple(chains),
        origins=tuple(dict.fromkeys(origins)),
        tables=tuple(tables),
    )


def _networks(match: ir.ChainMatch) -> ir.ChainMatch:
    """Return ``match`` without the bits of its ranges that do not count."""
    ranges = (str(ip_network(each, strict=False)) for each in match.ranges)
    return replace(match, ranges=tuple(ranges))


def _alone(one: Protocol, other: Protocol) -> bool:
    return one is not other and (one in NEVER_SHARED or other in NEVER_SHARED)


def _listener(scope: Scope, held: Held) -> ir.Listener:
    opening = held.opening
    first, *more = opening.binds
    port = opening.port.number
    made, default = _parted(scope, held)
    by_name = any(each.match.server_names for each in made)
    by_protocol = any(HTTP_ALPN & set(each.match.protocols) for each in made)
    everywhere = ir.Inspection()
    detection = nanoseconds(scope.config.document.protocol_detection_timeout)
    return ir.Listener(
        name=f"{first}_{port}",
        address=first,
        port=port,
        direction=ir.Direction.OUTBOUND,
        chains=made,
        default=default,
        more_addresses=tuple(more),
        inspect_tls=everywhere if by_name else ir.NOWHERE,
        inspect_http=everywhere if by_protocol else ir.NOWHERE,
        bound=opening.bound,
        even=scope.group.node.outbound_exact_balance,
        accept_one_by_one=opening.bound,
        inspection_timeout=detection if by_protocol else 0,
        proceed_after_timeout=True,
        origins=held.origins,
    )


def _parted(
    scope: Scope, held: Held
) -> tuple[tuple[ir.FilterChain, ...], ir.FilterChain | None]:
    """Return the chains that choose, and the one for the rest.

    What reaches a captured port that none is for goes where it was going.
    """
    every = [each for each in held.chains if each.match.everything]
    others = tuple(each for each in held.chains if not each.match.everything)
    if every and not others:
        return held.chains, None
    if every:
        return others, every[0]
    if held.opening.bound:
        return others, None
    return others, passthrough_chain(scope)


def http_proxy(scope: Scope) -> tuple[ir.Listener, Asked] | None:
    """Return the listener for applications that honour ``http_proxy``, if asked for.

    Source:
        pilot/pkg/networking/core/listener.go buildHTTPProxy.

    """
    port = scope.group.node.http_proxy_port or scope.config.document.proxy_http_port
    if not port:
        return None
    first, *more = loopbacks(scope)
    table = Asked(name.HTTP_PROXY_TABLE, 0, _catch_all(scope))
    handler = proxying(
        http_filter(scope, Side.OUTBOUND, f"outbound_{first}_{port}", table.name)
    )
    chain = ir.FilterChain("", ir.ChainMatch(), handler, handshake_timeout=HANDSHAKE)
    listener = ir.Listener(
        name=f"{first}_{port}",
        address=first,
        port=port,
        direction=ir.Direction.OUTBOUND,
        chains=(chain,),
        more_addresses=tuple(more) if scope.config.features.dual_stack else (),
        even=scope.group.node.outbound_exact_balance,
        accept_one_by_one=True,
        inspection_timeout=0,
        proceed_after_timeout=True,
    )
    return listener, table


def _catch_all(scope: Scope) -> Egress:
    """Return the egress that is for no port of its own, or else the last one."""
    return next((each for each in scope.egress if not each.port), scope.egress[-1])
