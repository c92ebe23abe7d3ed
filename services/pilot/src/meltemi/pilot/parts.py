"""What leaves the workloads, put together of small parts that outlive a revision.

```
service, its rule   →  clusters and endpoints        ┐
rules, services     →  routes  →  bytes ─┐           ├→  Outward
names, DNS domain   →  places  →  bytes ─┴→  tables  ┘
```

A change makes the parts again that it is in; the rest is found. That a mesh that was
changed step by step gives the same bytes as one read at once is a property test.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meltemi.kernel.fading import Fading
from meltemi.pilot import ir
from meltemi.pilot.emit.route import host_names, host_rest, joined_table
from meltemi.pilot.scope.shared import ByClass, Grounds
from meltemi.pilot.snapshot import Item, items, of_items, stored
from meltemi.pilot.translate.cluster.clusters import called
from meltemi.pilot.translate.resources import beyond, leaving, of_service
from meltemi.pilot.translate.route.sidecar import places, rest
from meltemi.pilot.translate.route.wrapper import ruled, service_route, wrappers
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.scope.shared import Ground
    from meltemi.pilot.snapshot import Snapshot, Stored
    from meltemi.pilot.translate.route.wrapper import Asked, Wrapper

Items = tuple[Item, ...]
Routes = tuple[ir.Route, ...]

BEYOND: Final = "beyond"
RULES: Final = "rules"
SERVICE: Final = "service"


@dataclass(frozen=True, slots=True)
class Named:
    """The virtual hosts of a table as some classes call them."""

    names: tuple[bytes, ...]
    wrappers: tuple[int, ...]
    """Whose routes each of them has."""


@dataclass(frozen=True, slots=True)
class Table:
    """A route table, but for what its virtual hosts are called."""

    asked: Asked
    wrappers: tuple[Wrapper, ...]
    named: ByClass[Named]
    bodies: tuple[bytes, ...]
    """Of each wrapper the part of a virtual host that its routes are."""
    last: tuple[tuple[bytes, bytes], ...]
    """The virtual host for hosts that nobody described."""

    def name(self, group: ProxyClass) -> Named:
        """Return what proxies of ``group`` call the virtual hosts."""
        found = places(group, self.asked, self.wrappers)
        return Named(
            tuple(host_names(each.name, each.domains) for each in found),
            tuple(each.wrapper for each in found),
        )

    def origins(self, named: Named) -> ir.Origins:
        """Return every object that a rule of the virtual hosts comes from."""
        return ir.origins_of(
            route for n in named.wrappers for route in self.wrappers[n].routes
        )


@dataclass(frozen=True, slots=True)
class Outward:
    """What leaves the workloads of all classes that see alike.

    Attributes:
        reached: Clusters and endpoints.
        listeners: As they are before telemetry and plugins, and without the services
            behind them, which the snapshot of ``reached`` knows.
        tables: Their routes.

    """

    reached: Snapshot
    listeners: tuple[ir.Listener, ...]
    tables: tuple[Table, ...]


@dataclass(slots=True)
class Parts:
    """The parts of what leaves, for as long as they are in use."""

    services: Grounds[Items] = field(default_factory=Grounds["Items"])
    routes: Grounds[Routes] = field(default_factory=Grounds["Routes"])
    bodies: Fading[tuple[int, bool], tuple[object, bytes]] = field(
        default_factory=Fading["tuple[int, bool]", "tuple[object, bytes]"]
    )
    """By the routes' identity and whether attempts are counted."""
    named: Fading[object, ByClass[Named]] = field(
        default_factory=Fading["object", "ByClass[Named]"]
    )
    namings: Fading[int, tuple[Service, tuple[object, ...]]] = field(
        default_factory=Fading["int", "tuple[Service, tuple[object, ...]]"]
    )
    """By the service's identity."""
    tables: Fading[tuple[object, ...], tuple[object, Stored]] = field(
        default_factory=Fading["tuple[object, ...]", "tuple[object, Stored]"]
    )
    listeners: tuple[ir.Listener, ...] = ()

    def outward(self, scope: Scope) -> Outward:
        """Return what leaves workloads with ``scope``."""
        served = tuple(leaving(scope))
        listeners = tuple(replace(listener, origins=()) for listener, _ in served)
        behind = {listener.name: listener.origins for listener, _ in served}
        if listeners != self.listeners:
            self.listeners = listeners
        asked = {each.name: each for _, every in served for each in every}
        return Outward(
            reached=of_items(self._reached(scope), scope.index.revision, behind),
            listeners=self.listeners,
            tables=tuple(self._tables(scope, asked)),
        )

    def turn(self) -> None:
        """Forget what nobody asked for lately: a new revision begins."""
        self.services.turn()
        self.routes.turn()
        for each in (self.bodies, self.named, self.namings, self.tables):
            each.turn()

    def _reached(self, scope: Scope) -> Iterator[Item]:
        ground = self.services.of(scope)
        yield from ground.of((BEYOND,), lambda scope: items(beyond(scope)))
        for each in called(scope):
            yield from _reaching(ground, each, scope)

    def _tables(self, scope: Scope, asked: dict[str, Asked]) -> Iterator[Table]:
        making = _Found(scope, self.routes.of(scope))
        counted = scope.counts_attempts
        for each in asked.values():
            found = tuple(wrappers(scope, each, making))
            names = tuple(
                (w.port, w.hosts, tuple(map(self._naming, w.services))) for w in found
            )
            key = (each.port, each.only, names)
            named = self.named.get(key) or self.named.put(key, ByClass())
            last = () if each.only else (rest(scope),)
            yield Table(
                asked=each,
                wrappers=found,
                named=named,
                bodies=tuple(self._body(w.routes, counted=counted) for w in found),
                last=tuple(
                    (
                        host_names(host.name, host.domains),
                        self._body(host.routes, counted=counted),
                    )
                    for host in last
                ),
            )

    def _naming(self, service: Service) -> tuple[object, ...]:
        found = self.namings.get(id(service))
        if found is None:
            found = self.namings.put(id(service), (service, service.naming))
        return found[1]

    def _body(self, routes: tuple[ir.Route, ...], *, counted: bool) -> bytes:
        found = self.bodies.get((id(routes), counted))
        if found is None:
            made = host_rest(routes, count_attempts=counted)
            found = self.bodies.put((id(routes), counted), (routes, made))
        return found[1]

    def routed(self, group: ProxyClass, tables: tuple[Table, ...]) -> Iterator[Item]:
        """Yield ``tables`` as proxies of ``group`` hold them."""
        for each in tables:
            named = each.named.of(group, each.name)
            key = (each.asked.name, id(named), *map(id, each.bodies), each.last)
            found = self.tables.get(key)
            if found is None:
                hosts = zip(
                    named.names, (each.bodies[n] for n in named.wrappers), strict=True
                )
                body = joined_table(each.asked.name, (*hosts, *each.last))
                origins = each.origins(named)
                made = stored(TypeUrl.ROUTE, each.asked.name, body, origins)
                found = self.tables.put(key, ((named, each.bodies), made))
            yield TypeUrl.ROUTE, each.asked.name, found[1]


def _reaching(ground: Ground[Items], service: Service, scope: Scope) -> Items:
    rule = scope.rules.get(service.host)
    return ground.of(
        (service, rule), lambda watched: items(of_service(watched, service, rule))
    )


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
