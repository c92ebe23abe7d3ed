"""Every service of a mesh, and where each is seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.config.schema.workload_group import WorkloadGroup
from meltemi.pilot.model import service_entry
from meltemi.pilot.model.automatic_address import with_addresses
from meltemi.pilot.model.service import Registry, by_age
from meltemi.pilot.model.visibility import Exported
from meltemi.pilot.model.workload_group import by_name, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.model.service import Instance, Port, Service


@dataclass(frozen=True, slots=True)
class Services:
    """The services of a mesh, arranged for the questions scopes ask.

    Attributes:
        all: Oldest first.
        by_host: For each host, by namespace: the one that has the name there.
        exported: Which namespaces see which.
        selecting: By namespace those that select workloads, oldest first.
        answering: By address which instances of which ports answer there, oldest
            service first; the number says how far on they are in the order of all.

    """

    all: tuple[Service, ...]
    by_host: Mapping[str, Mapping[str, Service]]
    exported: Exported[Service]
    selecting: Mapping[str, tuple[Service, ...]]
    answering: Mapping[str, tuple[Answering, ...]]


class Answering(NamedTuple):
    """An instance of a service's port; ``place`` orders all there are."""

    place: int
    service: Service
    port: Port
    instance: Instance


def described(mesh: Mesh, config: MeshConfig) -> tuple[Service, ...]:
    """Return the services that the mesh's ServiceEntries describe, in their order."""
    groups = by_name(mesh.of(WorkloadGroup))
    workloads = tuple(joined(mesh.of(WorkloadEntry), groups))
    found = service_entry.services(
        mesh.of(ServiceEntry), workloads, config.trust_domain
    )
    if config.features.ip_autoallocate:
        return with_addresses(tuple(found))
    return tuple(found)


def arranged(services: Iterable[Service], config: MeshConfig) -> Services:
    """Return services for use by scopes.

    Of two with one host in one namespace the older has the name, unless the younger
    alone is Kubernetes' own.

    Source:
        pilot/pkg/model/push_context.go initServiceRegistry.

    """
    ordered = tuple(sorted(services, key=by_age))
    by_host: dict[str, dict[str, Service]] = {}
    for each in ordered:
        homes = by_host.setdefault(each.host, {})
        held = homes.get(each.namespace)
        if held is None or (
            held.registry is not Registry.KUBERNETES
            and each.registry is Registry.KUBERNETES
        ):
            homes[each.namespace] = each
    return Services(
        all=ordered,
        by_host=by_host,
        exported=Exported.of(
            ((each, each.namespace, each.export_to) for each in ordered),
            config.document.default_service_export_to,
        ),
        selecting=_selecting(ordered),
        answering=_answering(ordered),
    )


def _selecting(ordered: Iterable[Service]) -> dict[str, tuple[Service, ...]]:
    found: dict[str, list[Service]] = {}
    for each in ordered:
        if each.selector:
            found.setdefault(each.namespace, []).append(each)
    return {namespace: tuple(each) for namespace, each in found.items()}


def _answering(ordered: Iterable[Service]) -> dict[str, tuple[Answering, ...]]:
    found: dict[str, list[Answering]] = {}
    places = count()
    for service in ordered:
        for port in service.ports:
            for instance in service.of(port):
                made = Answering(next(places), service, port, instance)
                for address in instance.addresses:
                    found.setdefault(address, []).append(made)
    return {address: tuple(each) for address, each in found.items()}
