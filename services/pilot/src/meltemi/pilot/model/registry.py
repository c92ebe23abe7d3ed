"""Every service of a mesh, and where each is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.config.schema.service_entry import Resolution
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
        places: By the identity of a service how far on it is in the order of all.
        answering: By address which instances of which ports answer there, oldest
            service first.
        answers: By the identity of a service what of it answers where.
        described: What the services came from, as far as those of the next revision
            may come from the same.

    """

    all: tuple[Service, ...]
    by_host: Mapping[str, Mapping[str, Service]]
    exported: Exported[Service]
    selecting: Mapping[str, tuple[Service, ...]]
    places: Mapping[int, int]
    answering: Mapping[str, tuple[Answering, ...]]
    answers: Mapping[int, Answers]
    described: Described

    def place(self, answering: Answering) -> tuple[int, int]:
        """Return what orders all that answers."""
        return self.places[id(answering.service)], answering.number


class Answering(NamedTuple):
    """An instance of a service's port; ``number`` orders those of the service."""

    number: int
    service: Service
    port: Port
    instance: Instance


Answers = tuple[tuple[str, Answering], ...]
"""Each with the address where it answers."""


class Moved(NamedTuple):
    """What the services that are not in two meshes come to.

    Attributes:
        addresses: Workloads at one of these may answer for something else now,
        namespaces: and those in one of these, whose labels a service may select.
        reshaped: Whether more changed than who answers for a service.

    """

    addresses: frozenset[str]
    namespaces: frozenset[str]
    reshaped: bool


NOWHERE: Final = Moved(frozenset(), frozenset(), reshaped=False)


def moved(before: Services, now: Services) -> Moved:
    """Return what became of the services of ``before``."""
    addresses, namespaces = set[str](), set[str]()
    gone, new = _without(before, now), _without(now, before)
    for services, every in ((before, gone), (now, new)):
        for each in every:
            addresses.update(address for address, _ in services.answers[id(each)])
            if each.selector:
                namespaces.add(each.namespace)
    reshaped = [*map(_shape, gone)] != [*map(_shape, new)]
    return Moved(frozenset(addresses), frozenset(namespaces), reshaped)


def _without(these: Services, those: Services) -> list[Service]:
    """Return which of ``these`` are not of ``those``, oldest first."""
    places = (
        these.places[each] for each in these.answers.keys() - those.answers.keys()
    )
    return [these.all[each] for each in sorted(places)]


def _shape(service: Service) -> Service:
    """Return all of a service but who answers, unless that is who is called."""
    if service.resolution is Resolution.NONE:
        return service
    return replace(service, instances=())


def arranged(
    described: Described,
    config: MeshConfig,
    more: Iterable[Service] = (),
    before: Services | None = None,
) -> Services:
    """Return the services that are ``described``, and ``more``, for use by scopes.

    Of two with one host in one namespace the older has the name, unless the younger
    alone is Kubernetes' own. ``before`` is what the same ``config`` came to at an
    earlier revision: it only saves work.

    Source:
        pilot/pkg/model/push_context.go initServiceRegistry.

    """
    ordered = tuple(sorted((*described.services, *more), key=by_age))
    if before is not None and before.all == ordered:
        return replace(before, described=described)
    by_host: dict[str, dict[str, Service]] = {}
    for each in ordered:
        homes = by_host.setdefault(each.host, {})
        held = homes.get(each.namespace)
        if held is None or (
            held.registry is not Registry.KUBERNETES
            and each.registry is Registry.KUBERNETES
        ):
            homes[each.namespace] = each
    known = before.answers if before else {}
    answers = {id(each): known.get(id(each)) or _answers(each) for each in ordered}
    return Services(
        all=ordered,
        by_host=by_host,
        exported=Exported.of(
            ((each, each.namespace, each.export_to) for each in ordered),
            config.document.default_service_export_to,
        ),
        selecting=_selecting(ordered),
        places={id(each): place for place, each in enumerate(ordered)},
        answering=_answering(answers.values()),
        answers=answers,
        described=described,
    )


def _selecting(ordered: Iterable[Service]) -> dict[str, tuple[Service, ...]]:
    found: dict[str, list[Service]] = {}
    for each in ordered:
        if each.selector:
            found.setdefault(each.namespace, []).append(each)
    return {namespace: tuple(each) for namespace, each in found.items()}


def _answering(every: Iterable[Answers]) -> dict[str, tuple[Answering, ...]]:
    found: dict[str, list[Answering]] = {}
    for answers in every:
        for address, each in answers:
            found.setdefault(address, []).append(each)
    return {address: tuple(each) for address, each in found.items()}


def _answers(service: Service) -> Answers:
    every = (
        (port, instance) for port in service.ports for instance in service.of(port)
    )
    return tuple(
        (address, Answering(number, service, port, instance))
        for number, (port, instance) in enumerate(every)
        for address in instance.addresses
    )
