"""What the agents of a class answer for the names of the mesh.

A name resolves to where the proxy listens for its service, or to the endpoints of a
service that has no address of its own.

Source: pkg/dns/server/name_table.go BuildNameTable. The short names of ServiceEntries
are ours: Istio gives them to Kubernetes' services only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model.host import SERVICES, is_address
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.model.service import UNSPECIFIED, Health, Registry
from meltemi.pilot.translate.address import addresses
from meltemi.xds.name_table import Name, NamedPort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.model.service import Instance, Service
    from meltemi.pilot.scope.scope import Scope


def name_table(scope: Scope) -> dict[str, Name]:
    """Return what each host stands for; one whose address nobody knows has none.

    Of services of one host the addresses are joined, but Kubernetes' own stands alone.
    """
    found: dict[str, Name] = {}
    for service in _services(scope):
        virtual = _virtual(scope, service)
        ports = _ports(service, headless=virtual is None)
        if virtual is None:
            instances = _answering(scope, service)
            for host, name in _members(scope, service, instances):
                found.setdefault(host, name)
            virtual = tuple(at for each in instances for at in each.addresses)
        if virtual:
            made = _name(scope, service, tuple(dict.fromkeys(virtual)), ports)
            held = found.get(service.host)
            found[service.host] = _joined(held, made) if held else made
    return found


def _ports(service: Service, *, headless: bool) -> tuple[NamedPort, ...]:
    """Return the ports by name; of endpoints that clients reach themselves, theirs."""
    return tuple(
        NamedPort(
            each.name.lower(),
            "udp" if each.protocol is Protocol.UDP else "tcp",
            each.target or each.number if headless else each.number,
        )
        for each in service.ports
    )


def _services(scope: Scope) -> Iterator[Service]:
    """Yield what may be reached; several of one host where it has several addresses."""
    seen: set[str] = set()
    for egress in scope.egress:
        for service in egress.services:
            seen.add(service.host)
            yield service
    yield from (each for each in scope.services.values() if each.host not in seen)


def _virtual(scope: Scope, service: Service) -> tuple[str, ...] | None:
    """Return the addresses that the proxy listens on; None: it has none of its own.

    A range of addresses is nothing to connect to.
    """
    found = addresses(scope, service)
    if UNSPECIFIED in found:
        return None
    return tuple(each for each in found if is_address(each))


def _answering(scope: Scope, service: Service) -> tuple[Instance, ...]:
    """Return the endpoints that clients of a headless service connect to themselves."""
    if service.resolution is not Resolution.NONE or not service.ports:
        return ()
    network = scope.group.node.network
    return tuple(
        each
        for each in service.of(service.ports[0])
        if each.health is Health.HEALTHY
        and each.addresses
        and all(is_address(at) for at in each.addresses)
        and (not network or not each.network or each.network == network)
    )


def _members(
    scope: Scope, service: Service, instances: tuple[Instance, ...]
) -> Iterator[tuple[str, Name]]:
    """Yield the names of single endpoints; those of the proxy's own cluster first."""
    own = scope.group.node.cluster
    _, _, domain = service.host.partition(".")
    for each in sorted(instances, key=lambda found: bool(own) and found.cluster != own):
        if each.sub_domain and each.host_name and domain:
            short = f"{each.host_name}.{each.sub_domain}"
            name = Name(each.addresses, service.registry, short, service.namespace)
            yield f"{short}.{domain}", name


def _name(
    scope: Scope,
    service: Service,
    found: tuple[str, ...],
    ports: tuple[NamedPort, ...],
) -> Name:
    short, _, home = _short(scope, service).partition(".")
    return Name(found, service.registry, short, home, ports)


def _short(scope: Scope, service: Service) -> str:
    """Return ``NAME.NAMESPACE`` of a host within the mesh's domain, else nothing."""
    suffix = f"{SERVICES}{scope.config.domain_suffix}"
    short = service.host.removesuffix(suffix)
    named = short != service.host and short.count(".") == 1 and "*" not in short
    return short if named else ""


def _joined(held: Name, more: Name) -> Name:
    if held.registry == Registry.KUBERNETES:
        return held
    if more.registry == Registry.KUBERNETES:
        return more
    both = dict.fromkeys((*held.addresses, *more.addresses))
    ports = dict.fromkeys((*held.ports, *more.ports))
    return Name(tuple(both), held.registry, held.short, held.namespace, tuple(ports))
