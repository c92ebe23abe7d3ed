"""Every service of a mesh, and where each is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.model.service import Registry, by_age
from meltemi.pilot.model.visibility import Exported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from meltemi.pilot.model.described import Described
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.model.service import Instance, Port, Service

T = TypeVar("T")


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
        pairs: Who stands in place of whom; None: more changed than who answers.

    """

    addresses: frozenset[str]
    namespaces: frozenset[str]
    pairs: Pairs | None


Pairs = tuple[tuple["Service", "Service"], ...]
"""Services before and after, which differ in nothing but who answers."""

NOWHERE: Final = Moved(frozenset(), frozenset(), ())


def moved(before: Services, now: Services) -> Moved:
    """Return what became of the services of ``before``."""
    addresses, namespaces = set[str](), set[str]()
    gone, new = _without(before, now), _without(now, before)
    for services, every in ((before, gone), (now, new)):
        for each in every:
            addresses.update(address for address, _ in services.answers[id(each)])
            if each.selector:
                namespaces.add(each.namespace)
    return Moved(frozenset(addresses), frozenset(namespaces), paired(gone, new, _shape))


def paired(
    before: Sequence[T], now: Sequence[T], shape: Callable[[T], T]
) -> tuple[tuple[T, T], ...] | None:
    """Return who of ``now`` is another than at its place among those ``before``.

    None: they differ in more than ``shape`` leaves out.
    """
    if len(before) != len(now):
        return None
    pairs = tuple(
        each for each in zip(before, now, strict=True) if each[0] is not each[1]
    )
    alike = all(shape(old) == shape(new) for old, new in pairs)
    return pairs if alike else None


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
    others = tuple(more)
    if before and not others and len(before.all) == len(before.described.services):
        pairs = paired(before.described.services, described.services, _shape)
        if pairs is not None:
            return _replaced(before, described, pairs) if pairs else before
    ordered = tuple(sorted((*described.services, *others), key=by_age))
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


def _replaced(before: Services, described: Described, pairs: Pairs) -> Services:
    """Return ``before`` with others in place of some: no order and no name changes."""
    news = {id(old): new for old, new in pairs}
    every, by_host, places = list(before.all), dict(before.by_host), dict(before.places)
    answers = dict(before.answers)
    for old, new in pairs:
        place = places.pop(id(old))
        every[place], places[id(new)] = new, place
        del answers[id(old)]
        answers[id(new)] = _answers(new)
        homes = by_host[old.host]
        if homes[old.namespace] is old:
            by_host[old.host] = {**homes, old.namespace: new}
    ordered = tuple(every)
    made = replace(
        before,
        all=ordered,
        by_host=by_host,
        exported=before.exported.replaced(news),
        selecting=_selecting(ordered),
        places=places,
        answers=answers,
        described=described,
    )
    return replace(made, answering=_answering_again(before, made, news))


def _answering_again(
    before: Services, now: Services, news: Mapping[int, Service]
) -> dict[str, tuple[Answering, ...]]:
    """Return who answers where, when ``news`` stand in place of some services."""
    gone = {address for old in news for address, _ in before.answers[old]}
    kept = {
        address: [
            each for each in before.answering[address] if id(each.service) not in news
        ]
        for address in gone
    }
    for new in news.values():
        for address, each in now.answers[id(new)]:
            if address not in kept:
                kept[address] = [*before.answering.get(address, ())]
            kept[address].append(each)
    found = dict(before.answering)
    for address, every in kept.items():
        found[address] = tuple(sorted(every, key=now.place))
        if not every:
            del found[address]
    return found


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
