"""What a class of proxies is to hold, in parts that classes share.

```
clusters and endpoints of all that is called   who see alike
route tables                                   and call them alike
listeners for what leaves                      and tell alike of their traffic
what reaches the workload                      and answer for the same
```

At a new mesh most of it stands as it was: where classes stood together they do so
again, and what a workload answers for is asked only of those whom the change concerns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from meltemi.kernel.fading import Fading
from meltemi.kernel.names import Revision
from meltemi.pilot.model.change import NONE
from meltemi.pilot.parts import Listeners, Outward, Parts, renewed
from meltemi.pilot.patching import Patches, Patching
from meltemi.pilot.scope.membership import member
from meltemi.pilot.scope.observed import of_class, of_scope
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.scope.scope import Owned, again, scope, with_own
from meltemi.pilot.scope.scope import outward as outward_scope
from meltemi.pilot.scope.shared import ByClass, ByScope, Memory
from meltemi.pilot.snapshot import Snapshot, items, of_items
from meltemi.pilot.translate.patches import patches
from meltemi.pilot.translate.resources import (
    besides,
    in_layers,
    outward_listeners,
    own,
)
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from meltemi.pilot.model.change import Change
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.scope.observed import Question
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.scope.shared import Kept

LISTENER: Final = TypeUrl.LISTENER
NEVER: Final = Revision(0)
"""Of parts, which are as old as what they are made of."""
MEMBERSHIP: Final = frozenset({"workload_groups", "config"})
"""Of the mesh what `member` reads."""


class Fades(Protocol):
    """Something that forgets what nobody asked for lately."""

    def turn(self) -> None:
        """Take note that a new revision begins."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What leaves the workloads of all classes that see alike."""

    scope: Scope
    outward: Outward
    routes: ByClass[Snapshot]
    """The tables by what their virtual hosts are called."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where classes stand who see alike at a revision, and what they were asked."""

    questions: frozenset[Question]


class Near(NamedTuple):
    """Where a class stands, and what is its own.

    Attributes:
        group: The class as `member` knows it.
        place: Where it stands.
        routes: Where its tables were found, and those.
        owned: What its workload answers for.
        listeners: Those for what leaves, as all have them who see alike.
        told: The same with what its proxies tell of their traffic.
        received: What it holds for what reaches its workload.

    """

    group: ProxyClass
    place: Place
    routes: tuple[ByClass[Snapshot], Snapshot]
    owned: Owned
    listeners: Listeners
    told: Kept[Snapshot]
    received: Kept[Snapshot]


class Sharing:
    """Makes the parts of one mesh after another, each part once."""

    def __init__(self, mesh: Index) -> None:
        self.mesh, self._change = mesh, NONE
        self._memory = Memory()
        self._seen = ByClass[Seen](self._memory)
        self._before: ByClass[Seen] | None = None
        self._places: dict[int, Place] = {}
        self._led: dict[Place, tuple[Place, Seen]] = {}
        self._renewed: dict[tuple[int, int], tuple[Listeners, ...]] = {}
        self._outward = Parts()
        self._told = ByScope[Snapshot]()
        self._own = ByScope[Snapshot]()
        self._patches = ByScope[Patches]()
        self._patched = Fading[int, "Kept[Patches]"]()
        self._patching = Patching()

    def turn(self, mesh: Index, change: Change) -> None:
        """Go on to ``mesh``, which differs from the one before by ``change``."""
        self.mesh, self._change = mesh, change
        for each in self._remembering:
            each.turn()
        carries = change.stepped is not None and not self._outward.due
        self._before = self._seen if carries else None
        self._seen = ByClass[Seen](self._memory)
        self._places, self._led, self._renewed = {}, {}, {}

    @property
    def _remembering(self) -> tuple[Fades, ...]:
        made = (self._memory, self._outward, self._told, self._own)
        return (*made, self._patched, self._patches, self._patching)

    def parts(
        self, group: ProxyClass, known: Near | None
    ) -> tuple[tuple[Snapshot, ...], Near | None]:
        """Return what ``group`` is to hold, and what is its own of that.

        ``known`` is what was its own at the mesh before this one.
        """
        if in_layers(group):
            return self._layers(group, known)
        seeing = scope(self.mesh, group)
        rest = of_items(items(besides(seeing)), self.mesh.revision)
        parts = (self._outward.reached(seeing), rest)
        if self.mesh.envoy_filters:
            return self._changed_by_hand(seeing, parts), None
        return parts, None

    def _layers(
        self, group: ProxyClass, known: Near | None
    ) -> tuple[tuple[Snapshot, ...], Near]:
        if known is None or not MEMBERSHIP.isdisjoint(self._change.fields):
            group = member(self.mesh, group)
            known = known if known and known.group is group else None
        else:
            group = known.group
        place, seen = self._standing(group, known)
        near = self._near(group, place, seen, known)
        told, received = near.told.value, near.received.value
        parts = (seen.outward.reached, near.routes[1], told, received)
        if self.mesh.envoy_filters:
            seeing = with_own(seen.scope, group, near.owned)
            return self._changed_by_hand(seeing, parts), near
        return parts, near

    def _standing(self, group: ProxyClass, known: Near | None) -> tuple[Place, Seen]:
        """Return where ``group`` stands, and what is seen from there.

        Classes that stood together were asked the same and answered alike: where one
        of them was asked the same again, the others would answer alike again.
        """
        before = known.place if known else None
        found = self._led.get(before) if before else None
        if found is not None:
            return found
        questions, seen = self._seen.found(
            group, lambda asking: self._look(group, asking)
        )
        place = self._places.get(id(seen))
        if place is None:
            place = self._places[id(seen)] = Place(frozenset(questions))
        if before is not None and before.questions == place.questions:
            self._led[before] = place, seen
        return place, seen

    def _look(self, group: ProxyClass, asking: ProxyClass) -> Seen:
        """Return what ``group`` sees; ``asking`` is it, and notes what is asked."""
        known = self._before.known(group) if self._before else None
        step = self._change.stepped
        if known is None or step is None:
            return self._anew(outward_scope(self.mesh, asking))
        questions, before = known
        for each in questions:  # what is taken over depends on them still
            of_class(asking, each)
        scope = again(before.scope, self.mesh, asking, step)
        if scope is None:
            return self._anew(outward_scope(self.mesh, asking))
        outward = self._outward.again(scope, before.outward, before.scope, step)
        routes = ByClass(self._memory) if step.routed else before.routes
        return Seen(scope, outward, routes)

    def _anew(self, scope: Scope) -> Seen:
        return Seen(scope, self._outward.outward(scope), ByClass(self._memory))

    def _near(
        self, group: ProxyClass, place: Place, seen: Seen, known: Near | None
    ) -> Near:
        """Return what is a class's own; mostly it stands as it was."""
        if known is not None and known.routes[0] is seen.routes:
            routes = known.routes
        else:
            made = seen.routes.of(group, lambda asking: self._routed(asking, seen))
            routes = (seen.routes, made)
        listeners, change = seen.outward.listeners, self._change
        moved = change.concerns(group.namespace, group.addresses)
        told = None if moved else known
        if told and not told.told.stands(seen.scope, change.fields):
            told = None
        if (
            told
            and told.listeners is listeners
            and told.received.stands(seen.scope, change.fields)
        ):
            return told._replace(place=place, routes=routes)
        scope = with_own(seen.scope, group, known.owned if known else None)
        return Near(
            group,
            place,
            routes,
            Owned(scope.targets, scope.own),
            listeners,
            self._telling(scope, listeners, told),
            self._own.of(scope, (), _received),
        )

    def _telling(
        self, scope: Scope, listeners: Listeners, known: Near | None
    ) -> Kept[Snapshot]:
        """Return ``listeners`` with what the proxies of ``scope`` tell of traffic.

        ``known`` has those that are the same still, and asked what would be answered
        alike: a mesh may have a thousand, and a change is mostly of one.
        """

        def make(asking: Scope) -> Snapshot:
            if known is None:
                return of_items(items(outward_listeners(asking, listeners)), NEVER)
            for question in known.told.questions:  # what is taken over depends on them
                of_scope(asking, question)
            fresh = self._new(known.listeners, listeners)
            names = {each.name for each in fresh}
            held = known.told.value.resources[LISTENER]
            kept = (
                (LISTENER, each.name, held[each.name])
                for each in listeners
                if each.name not in names
            )
            return of_items((*kept, *items(outward_listeners(asking, fresh))), NEVER)

        return self._told.of(scope, (listeners,), make)

    def _new(self, before: Listeners, now: Listeners) -> Listeners:
        """Return what `renewed` does, found out once for all classes."""
        known = self._renewed.get((id(before), id(now)))
        if known is None:
            known = before, now, renewed(before, now)
            self._renewed[id(before), id(now)] = known
        return known[2]

    def _routed(self, group: ProxyClass, seen: Seen) -> Snapshot:
        made = self._outward.tables.routed(group, seen.outward.tables)
        return of_items(made, seen.scope.index.revision)

    def _changed_by_hand(
        self, seeing: Scope, parts: tuple[Snapshot, ...]
    ) -> tuple[Snapshot, ...]:
        """Return ``parts`` with a person's own changes to Envoy's messages."""
        made = self._patches.of(seeing, (), patches)
        found = self._patched.put(id(made), made).value  # nobody else holds them
        if not found:
            return parts
        gateway = seeing.group.role is Role.GATEWAY
        apart = seeing.group.hosts_apart
        return self._patching.of(parts, found, gateway=gateway, hosts_apart=apart)


def _received(scope: Scope) -> Snapshot:
    """Return what proxies with ``scope`` hold for what reaches their workload."""
    return of_items(items(own(scope)), NEVER)
