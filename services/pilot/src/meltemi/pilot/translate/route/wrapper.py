"""The routes of one table, and which services and hosts they are for.

Source: pilot/pkg/networking/core/route/route.go BuildSidecarVirtualHostWrapper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from meltemi.pilot import ir
from meltemi.pilot.model.host import covers, specificity
from meltemi.pilot.model.protocol import Protocol as Spoken
from meltemi.pilot.scope.egress import full_hosts
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.load_balancer import hash_policies
from meltemi.pilot.translate.listener.tcp import destinations_of
from meltemi.pilot.translate.policy import effective
from meltemi.pilot.translate.route.forward import retries
from meltemi.pilot.translate.route.match import Caller
from meltemi.pilot.translate.route.rules import default_route, routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.egress import Egress
    from meltemi.pilot.scope.scope import Scope

    Virtual = Resource[VirtualService]

HTTP_PORT: Final = 80
"""The port that ``http://host/`` means."""


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


class Making(Protocol):
    """What makes the routes that wrappers have: anew, or finds those it made before."""

    def of_rules(self, virtual: Virtual, port: int) -> tuple[ir.Route, ...]:
        """Return what `ruled` does."""
        ...

    def of_service(self, service: Service, port: Port) -> tuple[ir.Route, ...]:
        """Return the one route that `service_route` does."""
        ...


@dataclass(frozen=True, slots=True)
class Anew:
    """Makes every route when it is asked for."""

    scope: Scope

    def of_rules(self, virtual: Virtual, port: int) -> tuple[ir.Route, ...]:
        """Return the routes that ``virtual`` gives to callers of ``port``."""
        return ruled(self.scope, virtual, port)

    def of_service(self, service: Service, port: Port) -> tuple[ir.Route, ...]:
        """Return the route to ``service`` itself."""
        rule = self.scope.rule(service.host)
        return (service_route(self.scope, service, port, rule),)


def wrappers(scope: Scope, asked: Asked, making: Making) -> Iterator[Wrapper]:
    """Yield the routes of VirtualServices, then those of services that have none."""
    services = _services(asked)
    best = _most_specific(scope, asked.egress, services)
    settled: set[str] = set()
    for virtual in asked.egress.virtual_services:
        if asked.port not in (0, HTTP_PORT) and not _about(scope, virtual, services):
            continue
        about = (asked, virtual)
        for wrapper in _of_virtual_service(scope, making, about, services, best):
            settled |= {each.host for each in wrapper.services}
            yield wrapper
    for service in services.values():
        if service.host in settled:
            continue
        for port in service.ports:
            if port.protocol.is_http or port.protocol.is_detected:
                routes = making.of_service(service, port)
                yield Wrapper(port.number, (service,), (), routes)


def _services(asked: Asked) -> dict[str, Service]:
    """Return the services with the table's port, by host, with that port alone."""
    found: dict[str, Service] = {}
    for service in asked.egress.services:
        if asked.port == 0:
            found[service.host] = service
            continue
        port = service.port(asked.port)
        if port:
            alone = len(service.ports) == 1
            narrowed = service if alone else replace(service, ports=(port,))
            found[service.host] = narrowed
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
    patterns = full_hosts(virtual, scope.config.domain_suffix)
    wide = [each for each in patterns if each.startswith("*")]
    return any(each in services for each in patterns) or any(
        covers(pattern, host) for pattern in wide for host in services
    )


def _of_virtual_service(
    scope: Scope,
    making: Making,
    about: tuple[Asked, Virtual],
    services: Mapping[str, Service],
    best: Mapping[str, Virtual],
) -> Iterator[Wrapper]:
    asked, virtual = about
    hosts, found = _parted(scope, virtual, services, best)
    ports: dict[int, list[Service]] = {}
    for service in found:
        for port in service.ports:
            if port.protocol.is_http or port.protocol.is_detected:
                ports.setdefault(port.number, []).append(service)
    if not ports and asked.port in (0, HTTP_PORT):
        ports[HTTP_PORT] = []
    made = making.of_rules(virtual, asked.port)
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
        scope.group.home(scope.index.source_namespaces),
        port,
        labels=scope.group.label_map,
        forwarded_host=scope.forwards_host,
    )
    destinations = destinations_of(scope, virtual, port)
    return routes(virtual, caller, destinations, scope.delegates)


def service_route(
    scope: Scope, service: Service, port: Port, rule: Resource[DestinationRule] | None
) -> ir.Route:
    """Return "everything goes to the service itself", as its DestinationRule says.

    Args:
        scope: Of the callers; nothing of its services is read.
        service: Whom they call; nothing of who answers is read.
        port: The service's.
        rule: That holds for the service.

    """
    cluster = name.outbound_cluster(port.number, "", service.host)
    operation = f"{service.host}:{port.number}/*"
    route = default_route(cluster, operation, service.origin)
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


def asked_table(
    name_: str, port: int, protocol: Spoken, egress: Egress, only: str
) -> Asked:
    """Return the table that a listener of ``port`` fetches as ``name_``."""
    number = 0 if protocol is Spoken.HTTP_PROXY else port
    return Asked(name_, number, egress, only if name_ == f"{only}:{port}" else "")
