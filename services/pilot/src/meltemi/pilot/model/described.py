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
from meltemi.pilot.model.workload_group import by_name, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.model.service import Service

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
    members = _members(mesh, before)
    entries = {
        (each.entry.metadata.namespace, each.entry.metadata.name): each
        for each in _descriptions(mesh, config.trust_domain, members, before)
    }
    plain = tuple(each for known in entries.values() for each in known.services)
    if not config.features.ip_autoallocate:
        return Described(plain, entries, members)
    wanting = tuple((it.namespace, it.host) for it in plain if wants_address(it))
    steady = wanting == before.wanting
    given = before.given if steady else automatic_addresses(wanting)
    addressed: dict[int, Service] = {}
    for each in plain:
        addresses = given[each.namespace, each.host] if wants_address(each) else ()
        held = before.addressed.get(id(each))
        if held is None or held.automatic_addresses != addresses:
            held = replace(each, automatic_addresses=addresses) if addresses else each
        addressed[id(each)] = held
    services = tuple(addressed[id(each)] for each in plain)
    return Described(services, entries, members, wanting, given, addressed)


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
    mesh: Mesh,
    trust_domain: str,
    members: Mapping[str, Members],
    before: Described,
) -> Iterator[Description]:
    for entry in mesh.of(ServiceEntry):
        home = entry.metadata.namespace
        chosen = members.get(home, ()) if entry.spec.workload_selector else ()
        known = before.entries.get((home, entry.metadata.name))
        if (
            known is not None
            and known.entry is entry
            and known.members is chosen
            and known.trust_domain == trust_domain
        ):
            yield known
            continue
        services = tuple(service_entry.services(entry, chosen, trust_domain))
        yield Description(entry, chosen, trust_domain, services)
