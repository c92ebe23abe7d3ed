"""What a sidecar does with requests that leave: a route table a port.

Source: pilot/pkg/networking/core/httproute.go buildSidecarOutboundHTTPRouteConfig and
route/route.go BuildSidecarVirtualHostWrapper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import MeshOutboundMode
from meltemi.pilot import ir
from meltemi.pilot.model.host import covers, specificity
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.scope.egress import full_hosts
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.load_balancer import hash_policies
from meltemi.pilot.translate.listener.tcp import destinations_of
from meltemi.pilot.translate.listener.virtual_outbound import allowed, unknown_cluster
from meltemi.pilot.translate.policy import effective
from meltemi.pilot.translate.route.domains import (
    Taken,
    literal_domains,
    service_domains,
    with_port,
)
from meltemi.pilot.translate.route.forward import retries
from meltemi.pilot.translate.route.match import Caller
from meltemi.pilot.translate.route.rules import default_route, routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.egress import Egress
    from meltemi.pilot.scope.scope import Scope

    Virtual = Resource[VirtualService]

HTTP_PORT: Final = 80
"""The port that ``http://host/`` means."""
ALLOW_ANY: Final = "allow_any"
ALLOW_ANY_DYNAMIC: Final = "allow_any_dynamic_dns"
BLOCK_ALL: Final = "block_all"
BLOCKED: Final = 502


@dataclass(frozen=True, slots=True)
class Asked:
    """A route table that a listener fetches.

    Attributes:
        name: Its name.
        port: The port of services it is for; 0: all of them, as for an HTTP proxy.
        egress: What may be reached.
        only: The one service it is for, where the listener knows.

    """

    name: str
    port: int
    egress: Egress
    only: str = ""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """Routes that hold for some services' port, and some hosts beside them."""

    port: int
    services: tuple[Service, ...]
    hosts: tuple[str, ...]
    routes: tuple[ir.Route, ...]


def sidecar_table(scope: Scope, asked: Asked) -> ir.RouteTable:
    """Return the route table that ``asked`` names."""
    hosts = tuple(_virtual_hosts(scope, asked))
    if asked.only:
        wanted = f"{asked.only}:{asked.port}"
        hosts = tuple(
            replace(each, domains=("*",)) for each in hosts if each.name == wanted
        )
        return ir.RouteTable(asked.name, hosts)
    hosts = tuple(sorted(hosts, key=lambda each: each.name))
    return ir.RouteTable(asked.name, (*hosts, _rest(scope)))


def _virtual_hosts(scope: Scope, asked: Asked) -> Iterator[ir.VirtualHost]:
    wrappers = tuple(_wrappers(scope, asked))
    taken = Taken(
        frozenset(
            known
            for each in wrappers
            for service in each.services
            for known in (service.host, f"{service.host}:{each.port}")
        )
    )
    seen: set[str] = set()
    for wrapper in wrappers:
        for host, service in (
            *((each, None) for each in wrapper.hosts),
            *((each.host, each) for each in wrapper.services),
        ):
            label = f"{host}:{wrapper.port}"
            if label in seen:
                continue
            seen.add(label)
            found = _virtual_host(scope, asked, wrapper, (host, service), taken)
            if found:
                yield found


def _virtual_host(
    scope: Scope,
    asked: Asked,
    wrapper: Wrapper,
    place: tuple[str, Service | None],
    taken: Taken,
) -> ir.VirtualHost | None:
    host, service = place
    wanted = service_domains(scope.group, service) if service else literal_domains(host)
    if asked.port == 0:
        wanted = with_port(wanted, wrapper.port)
    free = taken.take(wanted)
    if asked.port == 0 and wrapper.port != HTTP_PORT:
        free = tuple(each for each in free if each.endswith(f":{wrapper.port}"))
    if not free:
        return None
    return ir.VirtualHost(
        f"{host}:{wrapper.port}",
        free,
        wrapper.routes,
        count_attempts=scope.counts_attempts,
    )


def _wrappers(scope: Scope, asked: Asked) -> Iterator[Wrapper]:
    """Yield the routes of VirtualServices, then those of services that have none."""
    services = _services(asked)
    best = _most_specific(scope, asked.egress, services)
    settled: set[str] = set()
    for virtual in asked.egress.virtual_services:
        if asked.port not in (0, HTTP_PORT) and not _about(scope, virtual, services):
            continue
        for wrapper in _of_virtual_service(scope, asked, virtual, services, best):
            settled |= {each.host for each in wrapper.services}
            yield wrapper
    for service in services.values():
        if service.host in settled:
            continue
        for port in service.ports:
            if port.protocol.is_http or port.protocol.is_detected:
                route = service_route(scope, service, port)
                yield Wrapper(port.number, (service,), (), (route,))


def _services(asked: Asked) -> dict[str, Service]:
    """Return the services with the table's port, by host, with that port alone."""
    found: dict[str, Service] = {}
    for service in asked.egress.services:
        if asked.port == 0:
            found[service.host] = service
            continue
        port = service.port(asked.port)
        if port:
            found[service.host] = replace(service, ports=(port,))
    return found


def _most_specific(
    scope: Scope, egress: Egress, services: Mapping[str, Service]
) -> dict[str, Virtual]:
    """Return for each service the VirtualService with the narrowest host for it."""
    patterns: dict[str, Virtual] = {}
    for virtual in egress.virtual_services:
        for host in full_hosts(virtual, scope.config.domain_suffix):
            patterns.setdefault(host, virtual)
    wide = sorted(
        (each for each in patterns if each.startswith("*")),
        key=specificity,
        reverse=True,
    )
    best: dict[str, Virtual] = {}
    for host in services:
        if host in patterns:
            best[host] = patterns[host]
            continue
        for pattern in wide:
            if covers(pattern, host):
                best[host] = patterns[pattern]
                break
    return best


def _about(scope: Scope, virtual: Virtual, services: Mapping[str, Service]) -> bool:
    return any(
        covers(pattern, host)
        for pattern in full_hosts(virtual, scope.config.domain_suffix)
        for host in services
    )


def _of_virtual_service(
    scope: Scope,
    asked: Asked,
    virtual: Virtual,
    services: Mapping[str, Service],
    best: Mapping[str, Virtual],
) -> Iterator[Wrapper]:
    hosts, found = _parted(scope, virtual, services, best)
    ports: dict[int, list[Service]] = {}
    for service in found:
        for port in service.ports:
            if port.protocol.is_http or port.protocol.is_detected:
                ports.setdefault(port.number, []).append(service)
    if not ports and asked.port in (0, HTTP_PORT):
        ports[HTTP_PORT] = []
    made = ruled(scope, virtual, asked.port)
    if not made:
        return
    for number, each in ports.items():
        yield Wrapper(number, tuple(each), tuple(hosts), made)


def _parted(
    scope: Scope,
    virtual: Virtual,
    services: Mapping[str, Service],
    best: Mapping[str, Virtual],
) -> tuple[list[str], list[Service]]:
    """Return the hosts of ``virtual`` that no service has, and the services it has.

    A wildcard has the services for which nothing narrower is there.
    """
    hosts: list[str] = []
    found: list[Service] = []
    for pattern in full_hosts(virtual, scope.config.domain_suffix):
        if not pattern.startswith("*"):
            if pattern in services:
                found.append(services[pattern])
            else:
                hosts.append(pattern)
            continue
        matching = [each for host, each in services.items() if covers(pattern, host)]
        if not matching:
            hosts.append(pattern)
        found += [each for each in matching if best.get(each.host) is virtual]
    return hosts, found


def ruled(scope: Scope, virtual: Virtual, port: int) -> tuple[ir.Route, ...]:
    """Return the routes that ``virtual`` gives to what the workload calls on ``port``.

    None: it says nothing about this workload and port, and the services' own hold.
    """
    caller = Caller(
        scope.group.namespace,
        port,
        labels=scope.group.label_map,
        forwarded_host=scope.forwards_host,
    )
    destinations = destinations_of(scope, virtual, port)
    return routes(virtual, caller, destinations, scope.delegates)


def service_route(scope: Scope, service: Service, port: Port) -> ir.Route:
    """Return "everything goes to the service itself", as its DestinationRule says."""
    cluster = name.outbound_cluster(port.number, "", service.host)
    operation = f"{service.host}:{port.number}/*"
    route = default_route(cluster, operation, service.origin)
    rule = scope.rule(service.host)
    hashes = (
        hash_policies(effective(rule.spec, None, port.number).load_balancer)
        if rule
        else ()
    )
    if not isinstance(route.action, ir.Forward):
        return route
    again = retries(
        scope.config.document.default_http_retry_policy, hashed=bool(hashes)
    )
    return replace(route, action=replace(route.action, hash=hashes, retries=again))


def _rest(scope: Scope) -> ir.VirtualHost:
    """Return what becomes of requests for hosts that nobody described."""
    mode = allowed(scope)
    label = {
        MeshOutboundMode.ALLOW_ANY: ALLOW_ANY,
        MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS: ALLOW_ANY_DYNAMIC,
    }.get(mode, BLOCK_ALL)
    action: ir.Action = ir.Respond(BLOCKED)
    if mode is not MeshOutboundMode.REGISTRY_ONLY:
        dynamic = mode is MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS
        cluster = name.DYNAMIC_DNS if dynamic else unknown_cluster(scope)
        action = ir.Forward((ir.Target(cluster, 1),))
    route = ir.Route(label, ir.Match(), action)
    return ir.VirtualHost(label, ("*",), (route,), count_attempts=scope.counts_attempts)


def asked_table(
    name_: str, port: int, protocol: Protocol, egress: Egress, only: str
) -> Asked:
    """Return the table that a listener of ``port`` fetches as ``name_``."""
    number = 0 if protocol is Protocol.HTTP_PROXY else port
    return Asked(name_, number, egress, only if name_ == f"{only}:{port}" else "")
