"""Every service of a mesh, and where each is seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from meltemi.pilot.model.service import Registry, by_age
from meltemi.pilot.model.visibility import Exported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.pilot.model.described import Described
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
        described: What the services came from, as far as those of the next revision
            may come from the same.

    """

    all: tuple[Service, ...]
    by_host: Mapping[str, Mapping[str, Service]]
    exported: Exported[Service]
    selecting: Mapping[str, tuple[Service, ...]]
    answering: Mapping[str, tuple[Answering, ...]]
    described: Described


class Answering(NamedTuple):
    """An instance of a service's port; ``place`` orders all there are."""

    place: int
    service: Service
    port: Port
    instance: Instance


def arranged(
    described: Described, config: MeshConfig, more: Iterable[Service] = ()
) -> Services:
    """Return the services that are ``described``, and ``more``, for use by scopes.

    Of two with one host in one namespace the older has the name, unless the younger
    alone is Kubernetes' own.

    Source:
        pilot/pkg/model/push_context.go initServiceRegistry.

    """
    ordered = tuple(sorted((*described.services, *more), key=by_age))
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
        described=described,
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
