"""What leaves the workloads, put together of small parts that outlive a revision.

```
service, its rule   →  clusters and endpoints  ┐
rules, services     →  routes  →  tables       ├→  Outward
ports, addresses    →  listeners               ┘
```

A change makes the parts again that it is in; the rest is found. That a mesh that was
changed step by step gives the same bytes as one read at once is a property test.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir
from meltemi.pilot.scope.shared import Grounds
from meltemi.pilot.snapshot import NOTHING_BEHIND, Item, exchanged, items, of_items
from meltemi.pilot.tables import Tables
from meltemi.pilot.translate.cluster.clusters import called
from meltemi.pilot.translate.resources import beyond, leaving, of_service
from meltemi.pilot.translate.route.wrapper import ruled, service_route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.change import Stepped
    from meltemi.pilot.model.registry import Pairs
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.scope.shared import Ground
    from meltemi.pilot.snapshot import Snapshot
    from meltemi.pilot.tables import Table
    from meltemi.pilot.translate.route.wrapper import Asked

Items = tuple[Item, ...]
Routes = tuple[ir.Route, ...]
Listeners = tuple[ir.Listener, ...]

MOST_LISTENERS: Final = 64
"""So many are remembered: classes differ by namespace, if somebody wrote Sidecars."""
MOST_EXCHANGED: Final = 512
"""So many services are exchanged; then all are asked for once more, so that what is
not in use any more can be forgotten."""
BEYOND: Final = "beyond"
RULES: Final = "rules"
SERVICE: Final = "service"


@dataclass(frozen=True, slots=True)
class Outward:
    """What leaves the workloads of all classes that see alike.

    Attributes:
        reached: Clusters and endpoints.
        listeners: As they are before telemetry and plugins, and without the services
            behind them, which the snapshot of ``reached`` knows.
        tables: Their routes.
        ground: Where ``reached`` was made.

    """

    reached: Snapshot
    listeners: Listeners
    tables: tuple[Table, ...]
    ground: Ground[Items]


@dataclass(slots=True)
class Parts:
    """The parts of what leaves, for as long as they are in use."""

    services: Grounds[Items] = field(default_factory=Grounds["Items"])
    routes: Grounds[Routes] = field(default_factory=Grounds["Routes"])
    tables: Tables = field(default_factory=Tables)
    listeners: list[Listeners] = field(default_factory=list["Listeners"])
    """Those that classes were given, the last first: equal ones are the same object."""
    exchanged: int = 0
    """Services that were since all were asked for."""
    carried: int | None = None
    """At this revision: how many services, if not all are asked for."""
    carried_tables: bool = False
    """Whether tables are not asked for at this revision."""

    @property
    def due(self) -> bool:
        """Whether all is to be asked for once more: `again` will not do."""
        return self.exchanged >= MOST_EXCHANGED

    def outward(self, scope: Scope) -> Outward:
        """Return what leaves workloads with ``scope``."""
        served = tuple(leaving(scope))
        listeners = tuple(replace(listener, origins=()) for listener, _ in served)
        behind = {listener.name: listener.origins for listener, _ in served}
        asked = {each.name: each for _, every in served for each in every}
        return Outward(
            reached=self.reached(scope, behind),
            listeners=self._same(listeners),
            tables=self._tables(scope, asked.values()),
            ground=self.services.of(scope),
        )

    def again(
        self, scope: Scope, before: Outward, seen: Scope, step: Stepped
    ) -> Outward:
        """Return what leaves workloads with ``scope``, if no more changed than a step.

        Listeners read none of that. What is made of other services, and tables where
        no rules changed, is what it was.

        Args:
            scope: What is seen now, by `meltemi.pilot.scope.scope.again`.
            before: What left before the step.
            seen: What was seen then.
            step: Who stands in place of whom.

        """
        ground, reached = self.services.of(scope), None
        if ground is before.ground and not step.services:
            reached = before.reached
        elif ground is before.ground:
            every = _anew(ground, scope, step.services)
            reached = exchanged(before.reached, every, scope.index.revision)
        if reached is not None:
            self.carried = len(step.services)
        self.carried_tables |= not step.routed
        asked = _asked(before, seen, scope)
        return Outward(
            reached or self.reached(scope, before.reached.behind),
            before.listeners,
            self._tables(scope, asked)
            if step.routed
            else tuple(map(_asked_by, before.tables, asked)),
            ground,
        )

    def _tables(self, scope: Scope, asked: Iterable[Asked]) -> tuple[Table, ...]:
        making = _Found(scope, self.routes.of(scope))
        return tuple(self.tables.of(scope, each, making) for each in asked)

    def _same(self, listeners: Listeners) -> Listeners:
        """Return listeners equal to these that some class was given, or these."""
        for place, each in enumerate(self.listeners):
            if each == listeners:
                self.listeners.insert(0, self.listeners.pop(place))
                return each
        made = settled(self.listeners[0], listeners) if self.listeners else listeners
        self.listeners.insert(0, made)
        del self.listeners[MOST_LISTENERS:]
        return made

    def reached(
        self, scope: Scope, behind: Mapping[str, ir.Origins] = NOTHING_BEHIND
    ) -> Snapshot:
        """Return the clusters and endpoints of all that is called."""
        return of_items(self._reached(scope), scope.index.revision, behind)

    def turn(self) -> None:
        """Forget what nobody asked for lately: a new revision begins."""
        if self.carried is None:
            self.exchanged = 0
            self.services.turn()
        else:  # most of what is in use was not asked for
            self.exchanged += self.carried
        if not self.carried_tables:
            self.routes.turn()
            self.tables.turn()
        self.carried, self.carried_tables = None, False

    def _reached(self, scope: Scope) -> Iterator[Item]:
        ground = self.services.of(scope)
        if scope.group.captured:
            yield from ground.of((BEYOND,), lambda scope: items(beyond(scope)))
        for each in called(scope):
            yield from _reaching(ground, each, scope)


def settled(before: Listeners, now: Listeners) -> Listeners:
    """Return ``now``; of what is equal to a listener of ``before`` that very object."""
    known = {each.name: each for each in before}
    return tuple(
        held if (held := known.get(each.name)) == each and held else each
        for each in now
    )


def renewed(before: Listeners, now: Listeners) -> Listeners:
    """Return those of ``now`` that are none of ``before``'s objects."""
    known = {each.name: each for each in before}
    return tuple(each for each in now if known.get(each.name) is not each)


def _reaching(ground: Ground[Items], service: Service, scope: Scope) -> Items:
    rule = scope.rules.get(service.host)
    return ground.of(
        (service, rule), lambda watched: items(of_service(watched, service, rule))
    )


def _asked(before: Outward, seen: Scope, now: Scope) -> tuple[Asked, ...]:
    """Return the names of ``before``'s tables, for what may leave now."""
    among = {id(old): new for old, new in zip(seen.egress, now.egress, strict=True)}
    return tuple(
        replace(each.asked, egress=among[id(each.asked.egress)])
        for each in before.tables
    )


def _asked_by(table: Table, asked: Asked) -> Table:
    return replace(table, asked=asked)


def _anew(
    ground: Ground[Items], scope: Scope, pairs: Pairs
) -> Iterator[tuple[Items, Items]]:
    """Yield what was made of services before, and what is made of them now."""
    for old, new in pairs:
        if scope.services.get(new.host) is new:
            yield _reaching(ground, old, scope), _reaching(ground, new, scope)


@dataclass(frozen=True, slots=True)
class _Found:
    """Finds routes, or makes them (`meltemi.pilot.translate.route.wrapper.Making`)."""

    scope: Scope
    ground: Ground[Routes]

    def of_rules(
        self, virtual: Resource[VirtualService], port: int
    ) -> tuple[ir.Route, ...]:
        """Return the routes that ``virtual`` gives to callers of ``port``."""
        return self.ground.of(
            (RULES, virtual, port), lambda scope: ruled(scope, virtual, port)
        )

    def of_service(self, service: Service, port: Port) -> tuple[ir.Route, ...]:
        """Return the route to ``service`` itself."""
        rule, home = self.scope.rule(service.host), service.origin
        return self.ground.of(
            (SERVICE, service.host, port.number, rule, home.kind, home.config),
            lambda scope: (service_route(scope, service, port, rule),),
        )
