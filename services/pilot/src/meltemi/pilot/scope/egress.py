"""What a proxy may reach: everything its namespace sees, or what a Sidecar lists.

Source: pilot/pkg/model/sidecar.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.pilot.model.host import covers, resolve
from meltemi.pilot.model.protocol import Protocol, protocol
from meltemi.pilot.model.service import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.http_route import Destination
    from meltemi.config.schema.sidecar import IstioEgressListener, Sidecar
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass

    Virtual = Resource[VirtualService]

MESH_GATEWAY: Final = "mesh"
ANY: Final = "*"
NONE: Final = "~"


@dataclass(frozen=True, slots=True)
class Egress:
    """One listener for traffic that leaves, and what may leave through it.

    Attributes:
        services: Several of one host where it has several addresses.
        virtual_services: Those bound to the mesh, in the order they are tried.
        listener: As a Sidecar writes it; None without a Sidecar, or by its default.

    """

    services: tuple[Service, ...]
    virtual_services: tuple[Virtual, ...]
    listener: IstioEgressListener | None = None

    @property
    def port(self) -> int:
        """The one port it is for; 0: it is for the ports of its services."""
        port = self.listener.port if self.listener else None
        return (port.number or 0) if port else 0


def default_egress(index: Index, group: ProxyClass) -> Egress:
    """Return what workloads of ``group`` reach that no Sidecar is for."""
    services = index.services.exported
    return Egress(
        services=services.seen_from(group.home(services.homes)),
        virtual_services=bound(index, group, MESH_GATEWAY),
    )


def bound(index: Index, group: ProxyClass, gateway: str) -> tuple[Virtual, ...]:
    """Return the VirtualServices that ``group`` sees and ``gateway`` serves."""
    seen = index.exported.seen_from(group.home(index.exported.homes))
    return tuple(each for each in seen if gateway in _gateways(each))


def _gateways(virtual: Virtual) -> Iterator[str]:
    home = virtual.metadata.namespace
    for each in virtual.spec.gateways or (MESH_GATEWAY,):
        yield each if "/" in each or each == MESH_GATEWAY else f"{home}/{each}"


def listed_egress(
    index: Index, sidecar: Resource[Sidecar], group: ProxyClass
) -> tuple[Egress, ...]:
    """Return the listeners of ``sidecar`` for a workload of ``group``."""
    default, namespace = default_egress(index, group), group.namespace
    if not sidecar.spec.egress:
        hosts = _Hosts({ANY: (ANY,)}, {})
        services = tuple(_imported(default.services, hosts, namespace, port=0))
        return (replace(default, services=services),)
    return tuple(
        _listed(default, listener, namespace, index) for listener in sidecar.spec.egress
    )


@dataclass(frozen=True, slots=True)
class _Hosts:
    """``namespace/host`` entries by namespace; those after ``~`` are left out."""

    wanted: Mapping[str, tuple[str, ...]]
    unwanted: Mapping[str, tuple[str, ...]]

    def takes(self, namespace: str, host: str) -> bool:
        return _listed_in(self.wanted, namespace, host) and not _listed_in(
            self.unwanted, namespace, host
        )


def _listed_in(hosts: Mapping[str, tuple[str, ...]], namespace: str, host: str) -> bool:
    return any(
        covers(pattern, host) or covers(host, pattern)
        for home in (namespace, ANY)
        for pattern in hosts.get(home, ())
    )


def _hosts(listener: IstioEgressListener, namespace: str) -> _Hosts:
    wanted: dict[str, tuple[str, ...]] = {}
    unwanted: dict[str, tuple[str, ...]] = {}
    for written in listener.hosts:
        home, slash, host = written.partition("/")
        if not slash or home == NONE:
            continue
        found = unwanted if home.startswith(NONE) else wanted
        home = home.removeprefix(NONE)
        home = namespace if home == "." else home
        found[home] = (*found.get(home, ()), host.lower())
    return _Hosts(wanted, unwanted)


def _listed(
    default: Egress, listener: IstioEgressListener, namespace: str, index: Index
) -> Egress:
    hosts = _hosts(listener, namespace)
    number = (listener.port.number or 0) if listener.port else 0
    written = listener.port.protocol if listener.port else None
    if protocol(written) is Protocol.HTTP_PROXY:
        number = 0  # a general proxy, for services of every port
    return Egress(
        services=tuple(_imported(default.services, hosts, namespace, port=number)),
        virtual_services=tuple(
            each
            for each in default.virtual_services
            if any(
                hosts.takes(each.metadata.namespace, host)
                for host in full_hosts(each, index.config.domain_suffix)
            )
        ),
        listener=listener,
    )


def _imported(
    services: Iterable[Service], hosts: _Hosts, namespace: str, *, port: int
) -> Iterator[Service]:
    """Yield the services that ``hosts`` takes; one namespace for each host name.

    The workload's own namespace goes first, then Kubernetes' services, then age.
    """
    taken = [
        narrowed
        for each in services
        if hosts.takes(each.namespace, each.host)
        and (narrowed := with_ports(each, {port} if port else set()))
    ]
    homes: dict[str, Service] = {}
    for each in taken:
        held = homes.get(each.host)
        if held is None or _preferred(each, held, namespace):
            homes[each.host] = each
    yield from (each for each in taken if homes[each.host].namespace == each.namespace)


def _preferred(service: Service, held: Service, namespace: str) -> bool:
    if held.namespace in (namespace, service.namespace):
        return False
    if service.namespace == namespace:
        return True
    return (
        service.registry is Registry.KUBERNETES
        and held.registry is not Registry.KUBERNETES
    )


def with_ports(service: Service, ports: set[int]) -> Service | None:
    """Return ``service`` with some of its ports; None when it has none of them.

    No ports at all means every port.
    """
    if not ports:
        return service
    kept = tuple(each for each in service.ports if each.number in ports)
    if not kept:
        return None
    return service if kept == service.ports else replace(service, ports=kept)


def full_hosts(virtual: Virtual, domain_suffix: str) -> tuple[str, ...]:
    """Return the full host patterns of a VirtualService."""
    home = virtual.metadata.namespace
    return tuple(resolve(host, home, domain_suffix) for host in virtual.spec.hosts)


def reached(
    egresses: Sequence[Egress], index: Index, group: ProxyClass
) -> dict[str, Service]:
    """Return every service of some listeners, by host: what needs clusters.

    A Sidecar's listeners also bring what their VirtualServices send to.
    """
    found: dict[str, Service] = {}
    for egress in egresses:
        for service in egress.services:
            _join(found, service)
        if egress.listener is None:
            continue
        for virtual in egress.virtual_services:
            for service in _destinations(virtual, index, group.namespace):
                _join(found, service)
    return found


def _join(found: dict[str, Service], service: Service) -> None:
    """Add ``service``; where its host is held already, add only what fits to it.

    Source:
        pilot/pkg/model/sidecar.go canMergeServices.

    """
    held = found.get(service.host)
    if held is None:
        found[service.host] = service
    elif _alike(held, service):
        numbers = {each.number for each in held.ports}
        more = tuple(each for each in service.ports if each.number not in numbers)
        if more:
            fresh = tuple(
                each
                for each in service.instances
                if each.port_name in {port.name for port in more}
            )
            found[service.host] = replace(
                held, ports=held.ports + more, instances=held.instances + fresh
            )


def _alike(one: Service, other: Service) -> bool:
    if Registry.KUBERNETES in (one.registry, other.registry):
        return False
    return (
        one.namespace,
        one.resolution,
        one.labels,
        one.selector,
        set(one.export_to),
        one.external,
    ) == (
        other.namespace,
        other.resolution,
        other.labels,
        other.selector,
        set(other.export_to),
        other.external,
    )


def _destinations(virtual: Virtual, index: Index, namespace: str) -> Iterator[Service]:
    wanted: dict[str, set[int]] = {}
    whole: set[str] = set()
    for home, destination in all_destinations(virtual, index):
        host = resolve(destination.host, home, index.config.domain_suffix)
        number = destination.port.number if destination.port else None
        ports = wanted.setdefault(host, set())
        if number:
            ports.add(number)
        else:
            whole.add(host)
    for host, ports in sorted(wanted.items()):
        service = pick(index, host, namespace)
        narrowed = service and with_ports(service, set() if host in whole else ports)
        if narrowed:
            yield narrowed


def pick(index: Index, host: str, namespace: str) -> Service | None:
    """Return the service that ``host`` means to workloads of ``namespace``.

    Its own namespace's, else the oldest it sees, Kubernetes' before others.
    """
    homes = index.services.by_host.get(host, {})
    if namespace in homes:
        return homes[namespace]
    seen = [
        each
        for each in index.services.exported.seen_from(namespace)
        if each.host == host and homes.get(each.namespace) is each
    ]
    seen.sort(key=lambda each: each.registry is not Registry.KUBERNETES)
    return seen[0] if seen else None


def all_destinations(
    virtual: Virtual, index: Index
) -> Iterator[tuple[str, Destination]]:
    """Yield every destination of ``virtual``, with the namespace short names are in."""
    home = virtual.metadata.namespace
    delegates = {
        (each.metadata.namespace, each.metadata.name): each
        for each in index.virtual_services
        if not each.spec.hosts
    }
    for rule in virtual.spec.http:
        rules = [(home, rule)]
        if rule.delegate:
            key = (rule.delegate.namespace or home, rule.delegate.name or "")
            found = delegates.get(key)
            rules = [(key[0], each) for each in found.spec.http] if found else []
        for namespace, each in rules:
            yield from ((namespace, target.destination) for target in each.route)
            if each.mirror:
                yield namespace, each.mirror
            yield from ((namespace, mirror.destination) for mirror in each.mirrors)
    for tls in virtual.spec.tls:
        yield from ((home, target.destination) for target in tls.route)
    for tcp in virtual.spec.tcp:
        yield from ((home, target.destination) for target in tcp.route)
