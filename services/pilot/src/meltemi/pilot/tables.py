"""Route tables, put together of bytes that namespaces and revisions share.

```
routes of a wrapper        →  the rest of a virtual host ─┐
names, away from home      →  Away    ─┬─────────────────┴→  pieces
names, at home             →  what differs of them        →  table
```
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.kernel.digest import content_version
from meltemi.kernel.fading import Fading
from meltemi.pilot import ir
from meltemi.pilot.emit.route import host_names, host_piece, host_rest, joined_table
from meltemi.pilot.emit.virtual_host import bare_table, bare_version, named_apart
from meltemi.pilot.scope.shared import ByClass, Memory
from meltemi.pilot.snapshot import Item, as_version, stored
from meltemi.pilot.translate.route.sidecar import at_home, elsewhere, places, rest
from meltemi.pilot.translate.route.wrapper import wrappers
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.pilot.model.service import Service
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.snapshot import Stored
    from meltemi.pilot.translate.route.sidecar import Elsewhere
    from meltemi.pilot.translate.route.wrapper import Asked, Making, Wrapper


@dataclass(frozen=True, slots=True)
class Named:
    """What the virtual hosts of a table are called, and whose routes each has."""

    names: tuple[bytes, ...]
    wrappers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Away:
    """Names where no service is at home; None: it is not worth telling apart."""

    elsewhere: Elsewhere | None
    named: Named


@dataclass(frozen=True, slots=True)
class Own:
    """Names as some classes have them: those of others, and what differs of them."""

    named: Named
    changed: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Naming:
    """What was found out about the names of one table."""

    away: ByClass[Away]
    own: ByClass[Own]


@dataclass(frozen=True, slots=True)
class Table:
    """A route table, but for what its virtual hosts are called."""

    asked: Asked
    wrappers: tuple[Wrapper, ...]
    naming: Naming
    bodies: tuple[bytes, ...]
    """Of each wrapper the part of a virtual host that its routes are."""
    last: tuple[tuple[bytes, bytes], ...]
    """The virtual host for hosts that nobody described: its names, and the rest."""

    def name(self, group: ProxyClass) -> Own:
        """Return what proxies of ``group`` call the virtual hosts."""
        away = self.naming.away.of(group, self._away)
        if away.elsewhere is not None:
            changed = at_home(group, away.elsewhere)
            if changed is not None:
                every = away.elsewhere.places
                names = {n: host_names(every[n].name, d) for n, d in changed.items()}
                return Own(away.named, names)
        found = places(group, self.asked, self.wrappers)
        return Own(
            Named(
                tuple(host_names(each.name, each.domains) for each in found),
                tuple(each.wrapper for each in found),
            ),
            {},
        )

    def _away(self, group: ProxyClass) -> Away:
        found = elsewhere(group, self.asked, self.wrappers)
        every = found.places if found else ()
        names = tuple(host_names(each.name, each.domains) for each in every)
        return Away(found, Named(names, tuple(each.wrapper for each in every)))

    def origins(self, named: Named) -> ir.Origins:
        """Return every object that a rule of the virtual hosts comes from."""
        return ir.origins_of(
            route for n in named.wrappers for route in self.wrappers[n].routes
        )


@dataclass(frozen=True, slots=True)
class Pieces:
    """The virtual hosts of a table as bytes, and what they were made of."""

    hosts: tuple[bytes, ...]
    versions: tuple[str, ...]
    """Of each virtual host."""
    origins: ir.Origins
    made_of: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """A virtual host as it travels by itself, and the body it was made of."""

    name: str
    made: Stored
    body: bytes


@dataclass(frozen=True, slots=True)
class Spread:
    """A table and its virtual hosts by themselves, and what they were made of.

    Attributes:
        own: What they are called.
        bodies: Of the table's wrappers.
        last: Of the table.
        items: The bare table, the hosts in the order of their names, the last one.

    """

    own: Own
    bodies: tuple[bytes, ...]
    last: tuple[tuple[bytes, bytes], ...]
    items: tuple[Item, ...]


Joined = tuple[Pieces, Own, "Stored"]
"""A table, and what it was joined of."""


@dataclass(slots=True)
class Tables:
    """Makes tables, and finds again what it made of them."""

    bodies: Fading[tuple[int, bool], tuple[object, bytes]] = field(
        default_factory=Fading["tuple[int, bool]", "tuple[object, bytes]"]
    )
    """By the routes' identity and whether attempts are counted."""
    namings: Fading[object, Naming] = field(default_factory=Fading["object", "Naming"])
    """By all that names depend on."""
    services: Fading[int, tuple[Service, tuple[object, ...]]] = field(
        default_factory=Fading["int", "tuple[Service, tuple[object, ...]]"]
    )
    """By its identity, what a service's names depend on."""
    pieces: Fading[tuple[object, ...], Pieces] = field(
        default_factory=lambda: Fading["tuple[object, ...]", "Pieces"](large=True)
    )
    """By the identity of the names and of the bodies, and by the last one itself."""
    made: Fading[tuple[int, int], Joined] = field(
        default_factory=lambda: Fading["tuple[int, int]", "Joined"](large=True)
    )
    """By the identity of the pieces and of a class's own names."""
    memory: Memory = field(default_factory=Memory)
    """What those answered whose names were found out."""
    hosts: Fading[tuple[str, bytes, int], Apart] = field(
        default_factory=Fading["tuple[str, bytes, int]", "Apart"]
    )
    """By table, names and the identity of the rest of a virtual host."""
    apart: Fading[int, Spread] = field(
        default_factory=lambda: Fading["int", "Spread"](large=True)
    )
    """By the identity of a class's own names, which are of one table."""
    bare: Fading[str, Stored] = field(default_factory=Fading["str", "Stored"])
    """Tables whose virtual hosts travel by themselves, by name."""

    def turn(self) -> None:
        """Forget what nobody asked for lately."""
        self.bodies.turn()
        self.namings.turn()
        self.services.turn()
        self.pieces.turn()
        self.made.turn()
        self.memory.turn()
        self.hosts.turn()
        self.apart.turn()
        self.bare.turn()

    def of(self, scope: Scope, asked: Asked, making: Making) -> Table:
        """Return the table that ``asked`` names, whose routes ``making`` makes."""
        counted = scope.counts_attempts
        found = tuple(wrappers(scope, asked, making))
        names = tuple(
            (each.port, each.hosts, tuple(map(self._named_by, each.services)))
            for each in found
        )
        key = (asked.port, asked.only, names)
        last = () if asked.only else (rest(scope),)
        return Table(
            asked=asked,
            wrappers=found,
            naming=self.namings.get(key) or self.namings.put(key, self._unnamed()),
            bodies=tuple(self._body(each.routes, counted=counted) for each in found),
            last=tuple(
                (
                    host_names(each.name, each.domains),
                    self._body(each.routes, counted=counted),
                )
                for each in last
            ),
        )

    def routed(self, group: ProxyClass, tables: tuple[Table, ...]) -> Iterator[Item]:
        """Yield ``tables`` as proxies of ``group`` hold them."""
        for each in tables:
            own = each.naming.own.of(group, each.name)
            if group.hosts_apart and (each.last or own.named.names):
                yield from self._apart(each, own)
                continue
            pieces = self._pieces(each, own.named)
            key = (id(pieces), id(own))
            found = self.made.get(key)
            if found is None:
                made = _joined(each, pieces, own)
                found = self.made.put(key, (pieces, own, made))
            yield TypeUrl.ROUTE, each.asked.name, found[2]

    def _pieces(self, table: Table, named: Named) -> Pieces:
        key = (id(named), *map(id, table.bodies), table.last)
        found = self.pieces.get(key)
        if found is None:
            bodies = (table.bodies[number] for number in named.wrappers)
            hosts = map(host_piece, named.names, bodies)
            made_of = (named, table.bodies, table.last)
            last = (host_piece(*each) for each in table.last)
            every = (*hosts, *last)
            versions = tuple(map(content_version, every))
            made = Pieces(every, versions, table.origins(named), made_of)
            found = self.pieces.put(key, made)
        return found

    def _unnamed(self) -> Naming:
        return Naming(ByClass["Away"](self.memory), ByClass["Own"](self.memory))

    def _apart(self, table: Table, own: Own) -> tuple[Item, ...]:
        """Return ``table`` without virtual hosts, and those by themselves.

        Of those that it had, hosts are made again whose routes are others.
        """
        known = self.apart.get(id(own))
        if known is None or known.last != table.last:
            return self.apart.put(id(own), self._spread(table, own)).items
        before = zip(known.bodies, table.bodies, strict=True)
        other = {number for number, (old, new) in enumerate(before) if old is not new}
        if not other:
            return known.items
        items = list(known.items)
        for place, wrapper in enumerate(own.named.wrappers):
            if wrapper in other:
                items[place + 1] = self._named(table, own, place)
        made = Spread(own, table.bodies, table.last, tuple(items))
        return self.apart.put(id(own), made).items

    def _spread(self, table: Table, own: Own) -> Spread:
        name = table.asked.name
        bare = self.bare.get(name) or self.bare.put(name, _bare(name))
        items = (
            (TypeUrl.ROUTE, name, bare),
            *(self._named(table, own, place) for place in range(len(own.named.names))),
            *(self._host(name, called, body, ()) for called, body in table.last),
        )
        return Spread(own, table.bodies, table.last, items)

    def _named(self, table: Table, own: Own, place: int) -> Item:
        wrapper = own.named.wrappers[place]
        called = own.changed.get(place, own.named.names[place])
        body, routes = table.bodies[wrapper], table.wrappers[wrapper].routes
        return self._host(table.asked.name, called, body, routes)

    def _host(
        self, table: str, names: bytes, body: bytes, routes: tuple[ir.Route, ...]
    ) -> Item:
        key = (table, names, id(body))
        found = self.hosts.get(key)
        if found is None:
            name, said = named_apart(table, names)
            origins = ir.origins_of(routes)
            made = stored(TypeUrl.VIRTUAL_HOST, name, said + body, origins)
            found = self.hosts.put(key, Apart(name, made, body))
        return TypeUrl.VIRTUAL_HOST, found.name, found.made

    def _named_by(self, service: Service) -> tuple[object, ...]:
        found = self.services.get(id(service))
        if found is None:
            found = self.services.put(id(service), (service, service.naming))
        return found[1]

    def _body(self, routes: tuple[ir.Route, ...], *, counted: bool) -> bytes:
        found = self.bodies.get((id(routes), counted))
        if found is None:
            made = host_rest(routes, count_attempts=counted)
            found = self.bodies.put((id(routes), counted), (routes, made))
        return found[1]


def _bare(name: str) -> Stored:
    body = bare_table(name)
    return as_version(TypeUrl.ROUTE, name, body, bare_version(body))


def _joined(table: Table, pieces: Pieces, own: Own) -> Stored:
    """Return a table; its version is that of its virtual hosts', which are known.

    Classes' tables differ by a few of them, and each is half a megabyte to hash.
    """
    hosts, versions = list(pieces.hosts), list(pieces.versions)
    for number, names in own.changed.items():
        body = table.bodies[own.named.wrappers[number]]
        hosts[number] = host_piece(names, body)
        versions[number] = content_version(hosts[number])
    name = table.asked.name
    body = joined_table(name, hosts)
    version = content_version("\n".join((name, *versions)).encode())
    return as_version(TypeUrl.ROUTE, name, body, version, pieces.origins)
