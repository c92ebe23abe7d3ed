"""The services that a mesh's ServiceEntries describe, made again where they changed.

A service that nothing changed stays the same object from revision to revision: what is
made of it is found again by that (`meltemi.pilot.parts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.schema.workload_group import WorkloadGroup
from meltemi.pilot.model import service_entry
from meltemi.pilot.model.automatic_address import automatic_addresses, wants_address
from meltemi.pilot.model.service import Service
from meltemi.pilot.model.workload_group import by_name, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig

    Members = tuple[Resource[WorkloadEntry], ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What one ServiceEntry came to, and what it was made of."""

    entry: Resource[ServiceEntry]
    members: Members
    trust_domain: str
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """All services that ServiceEntries describe.

    Attributes:
        services: In the entries' order.
        entries: By namespace and name of the entry, before the mesh gave addresses.
        members: The WorkloadEntries, by namespace.
        wanting: By namespace and host what wants an address of the mesh, in order.
        given: The addresses that it has.
        addressed: By the id of a service what it is with the addresses of the mesh.

    """

    services: tuple[Service, ...] = ()
    entries: Mapping[tuple[str, str], Description] = field(
        default_factory=lambda: MappingProxyType({})
    )
    members: Mapping[str, Members] = field(default_factory=lambda: MappingProxyType({}))
    wanting: tuple[tuple[str, str], ...] = ()
    given: Mapping[tuple[str, str], tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    addressed: Mapping[int, Service] = field(
        default_factory=lambda: MappingProxyType({})
    )


NOTHING: Final = Described()


def described(mesh: Mesh, config: MeshConfig, before: Described = NOTHING) -> Described:
    """Return the services that the mesh's ServiceEntries describe.

    Args:
        mesh: What was stored.
        config: What holds mesh-wide.
        before: What was described at an earlier revision: it only saves work.

    """
    members, listed = _members(mesh, before), mesh.of(ServiceEntry)
    automatic, trust_domain = config.features.ip_autoallocate, config.trust_domain
    if automatic == bool(before.addressed):
        steps = _steps(listed, trust_domain, members, before)
        if steps is not None:
            return _stepped(before, steps, members) if steps else before
    entries = {
        _key(each.entry): each
        for each in _descriptions(listed, trust_domain, members, before)
    }
    plain = tuple(each for known in entries.values() for each in known.services)
    if not automatic:
        return Described(plain, entries, members)
    wanting = tuple((it.namespace, it.host) for it in plain if wants_address(it))
    steady = wanting == before.wanting
    given = before.given if steady else automatic_addresses(wanting)
    addressed: dict[int, Service] = {}
    for each in plain:
        made, held = _addressed(each, given), before.addressed.get(id(each))
        same = held and held.automatic_addresses == made.automatic_addresses
        addressed[id(each)] = held if held and same else made
    services = tuple(addressed[id(each)] for each in plain)
    return Described(services, entries, members, wanting, given, addressed)


Steps = list[tuple[Description, Description]]
"""Descriptions, each with the one that it gives way to."""


def _steps(
    listed: tuple[Resource[ServiceEntry], ...],
    trust_domain: str,
    members: Mapping[str, Members],
    before: Described,
) -> Steps | None:
    """Return what became of the descriptions; None: it is not so simple.

    Simple is that no entry came or went, and each describes services of the same
    names, and the same of them want an address of the mesh.
    """
    if len(listed) != len(before.entries):
        return None
    settled, steps = members == before.members, Steps()
    for known, entry in zip(before.entries.values(), listed, strict=True):
        if settled and known.entry is entry and known.trust_domain == trust_domain:
            continue
        if _key(known.entry) != _key(entry):
            return None
        made = _description(entry, trust_domain, members, known)
        if made is not known:
            steps.append((known, made))
            if [*map(_wish, known.services)] != [*map(_wish, made.services)]:
                return None
    return steps


def _wish(service: Service) -> tuple[str, str, bool]:
    return service.namespace, service.host, wants_address(service)


def _stepped(
    before: Described, steps: Steps, members: Mapping[str, Members]
) -> Described:
    """Return what was described, with some descriptions in place of others."""
    entries, addressed = dict(before.entries), dict(before.addressed)
    others = dict[int, Service]()
    for known, made in steps:
        entries[_key(made.entry)] = made
        for old, new in zip(known.services, made.services, strict=True):
            if old is new:
                continue
            if before.addressed:
                addressed[id(new)] = _addressed(new, before.given)
            held = addressed.pop(id(old), old)
            others[id(held)] = addressed.get(id(new), new)
    services = tuple([others.get(id(each), each) for each in before.services])
    return replace(
        before,
        services=services,
        entries=entries,
        members=members,
        addressed=addressed,
    )


def _key(entry: Resource[ServiceEntry]) -> tuple[str, str]:
    return entry.metadata.namespace, entry.metadata.name


def _addressed(
    service: Service, given: Mapping[tuple[str, str], tuple[str, ...]]
) -> Service:
    """Return ``service`` with the addresses that the mesh has ``given`` it."""
    if not wants_address(service):
        return service
    addresses = given[service.namespace, service.host]
    return replace(service, automatic_addresses=addresses) if addresses else service


def _members(mesh: Mesh, before: Described) -> dict[str, Members]:
    """Return the workloads by namespace; where nothing changed the same as before."""
    groups = by_name(mesh.of(WorkloadGroup))
    found: dict[str, list[Resource[WorkloadEntry]]] = {}
    for each in joined(mesh.of(WorkloadEntry), groups):
        found.setdefault(each.metadata.namespace, []).append(each)
    return {
        home: held if (held := before.members.get(home)) == every else every
        for home, every in ((home, tuple(each)) for home, each in found.items())
    }


def _descriptions(
    listed: Iterable[Resource[ServiceEntry]],
    trust_domain: str,
    members: Mapping[str, Members],
    before: Described,
) -> Iterator[Description]:
    for entry in listed:
        known = before.entries.get(_key(entry))
        yield _description(entry, trust_domain, members, known)


def _description(
    entry: Resource[ServiceEntry],
    trust_domain: str,
    members: Mapping[str, Members],
    known: Description | None,
) -> Description:
    """Return what ``entry`` comes to: ``known``, if it was made of the same."""
    selects = bool(entry.spec.workload_selector)
    chosen = members.get(entry.metadata.namespace, ()) if selects else ()
    if (
        known is not None
        and known.entry is entry
        and known.members is chosen
        and known.trust_domain == trust_domain
    ):
        return known
    services = tuple(service_entry.services(entry, chosen, trust_domain))
    if known is not None and known.services == services:
        services = known.services  # a workload came that it does not select
    return Description(entry, chosen, trust_domain, services)
