"""From the newest mesh to the newest snapshot of each class of proxies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

import structlog

from meltemi.kernel.names import Revision
from meltemi.pilot.model.index import Index, differing, index
from meltemi.pilot.model.registry import NOWHERE, moved
from meltemi.pilot.parts import Outward, Parts
from meltemi.pilot.patching import Patches, Patching
from meltemi.pilot.scope.membership import member
from meltemi.pilot.scope.observed import of_class
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.scope.scope import Owned, scope, with_own
from meltemi.pilot.scope.scope import outward as outward_scope
from meltemi.pilot.scope.shared import ByClass, ByScope, Kept, Memory
from meltemi.pilot.snapshot import (
    Followed,
    Snapshot,
    following,
    items,
    joined,
    of_items,
)
from meltemi.pilot.translate.patches import patches
from meltemi.pilot.translate.resources import (
    besides,
    in_layers,
    outward_listeners,
    own,
)
from meltemi.runtime.containment import Failed, contained
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.kernel.clock import Clock
    from meltemi.pilot import ir
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.metrics import Metrics
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope

MEMBERSHIP: Final = frozenset({"workload_groups", "config"})
"""Of the mesh what `member` reads."""

INSTANCES: Final = frozenset({"services", "revision"})
"""What differs when a service is answered for by others."""

Stamp = tuple[int, int, int]
T = TypeVar("T")


class Fades(Protocol):
    """Something that forgets what nobody asked for lately."""

    def turn(self) -> None:
        """Take note that a new revision begins."""
        ...


LINGER_SECONDS: Final = 60.0
MOST_EMPTY: Final = 1024
"""Classes without proxies that are remembered, and for how long."""

log = structlog.get_logger("meltemi.pilot")


@dataclass(frozen=True, slots=True)
class Seen:
    """What leaves the workloads of all classes that see alike."""

    scope: Scope
    outward: Outward
    routes: ByClass[Snapshot]
    """The tables by what their virtual hosts are called."""


class Made(NamedTuple):
    """What a class holds as of ``stamp``, and the parts it is joined of.

    ``parts`` are ``fresh``, which others share, with what each replaced.
    """

    stamp: Stamp
    fresh: tuple[Snapshot, ...]
    parts: tuple[Snapshot, ...]
    whole: Snapshot
    near: Near | None


class Near(NamedTuple):
    """What a class's own parts were made of, and those parts.

    ``group`` is the class as `member` knows it.
    """

    group: ProxyClass
    owned: Owned
    told: Kept[Snapshot]
    received: Kept[Snapshot]


class Snapshots:
    """Makes a class's resources once a revision, when the first of it asks.

    A class whose resources cannot be computed keeps those it had: that is a bug of
    ours, and must not become an outage (reliability F-32).
    """

    def __init__(
        self, mesh: Latest[Mesh], config: MeshConfig, clock: Clock, metrics: Metrics
    ) -> None:
        self._mesh, self._config = mesh, config
        self._clock, self.metrics = clock, metrics
        self._index: Index | None = None
        self._made: dict[ProxyClass, Made] = {}
        self._empty: dict[ProxyClass, float] = {}
        self._indexed: Stamp | None = None
        self._before: Stamp | None = None
        self._changed = frozenset[str]()
        self._moved = NOWHERE
        self._shaped: ByClass[Seen] | None = None
        self._memory = Memory()
        self._seen = ByClass[Seen](self._memory)
        self._outward = Parts()
        self._told = ByScope[Snapshot]()
        self._own = ByScope[Snapshot]()
        self._patches = ByScope[Patches]()
        self._patching = Patching()
        self._followed: dict[tuple[int, int], Followed] = {}

    def of(self, group: ProxyClass) -> Snapshot | None:
        """Return the newest snapshot for ``group``; None before the first mesh."""
        mesh, stamp = self.newest(), self._mesh.value.stamp
        made = self._made.get(group)
        self._empty.pop(group, None)
        if mesh is not None and (made is None or made.stamp != stamp):
            made = self._build(group, mesh, stamp)
        return made.whole if made else None

    def newest(self) -> Index | None:
        """Return the newest mesh, arranged; None before the first one."""
        mesh = self._mesh.value
        if mesh.revision == 0:
            return None
        if self._index is None or self._indexed != mesh.stamp:
            known, self._index = (
                self._index,
                index(mesh, self._config, before=self._index),
            )
            if known:
                self._changed = differing(known, self._index)
                self._moved = moved(known.services, self._index.services)
            same = self._changed <= INSTANCES and not self._moved.reshaped
            self._shaped = self._seen if same else None
            self._before, self._indexed = self._indexed, mesh.stamp
            self._seen = ByClass[Seen](self._memory)
            self._followed = {}
            self._drop_empty()
            for each in self._remembering:
                each.turn()
        return self._index

    @property
    def _remembering(self) -> tuple[Fades, ...]:
        made = (self._memory.said, self._outward, self._told, self._own)
        return (*made, self._patches, self._patching)

    def forget(self, group: ProxyClass) -> None:
        """Drop, soon, the snapshot of a class that has no proxies any more.

        A proxy that lost its stream comes back within seconds, mostly.
        """
        self._empty.pop(group, None)
        self._empty[group] = self._clock.monotonic()
        self._drop_empty()

    def _drop_empty(self) -> None:
        """Drop what is empty for long, and the oldest of too many."""
        before = self._clock.monotonic() - LINGER_SECONDS
        while self._empty:
            oldest, since = next(iter(self._empty.items()))
            if since > before and len(self._empty) <= MOST_EMPTY:
                return
            del self._empty[oldest]
            self._made.pop(oldest, None)

    def _build(self, group: ProxyClass, mesh: Index, stamp: Stamp) -> Made | None:
        """Make the snapshot of ``group``; return what it had where that fails."""
        started = self._clock.monotonic()
        earlier = self._made.get(group)
        found = self.attempt(
            "snapshot.failed", group, mesh, lambda: self._parts(group, mesh, earlier)
        )
        if found is not None:
            fresh, near = found
            parts, whole = self._after(earlier, fresh, mesh.revision)
            earlier = Made(stamp, fresh, parts, whole, near)
            # Under the very object that asks: it is found without a comparison then.
            self._made.pop(group, None)
            self._made[group] = earlier
        self.metrics.build_seconds.observe(self._clock.monotonic() - started)
        return earlier

    def _after(
        self, earlier: Made | None, fresh: tuple[Snapshot, ...], revision: Revision
    ) -> tuple[tuple[Snapshot, ...], Snapshot]:
        """Return ``fresh`` and the whole of it, both with what they replace."""
        if earlier is None or len(earlier.fresh) != len(fresh):
            whole = joined(fresh, revision)
            return fresh, following(earlier.whole, whole).made if earlier else whole
        parts, anew = list(earlier.parts), set[TypeUrl]()
        for place, (known, each) in enumerate(zip(earlier.fresh, fresh, strict=True)):
            if known is not each:
                step = self._following(parts[place], each)
                parts[place] = step.made
                anew |= step.anew
        held = tuple(parts)
        return held, joined(held, revision, earlier.whole, anew)

    def _following(self, earlier: Snapshot, later: Snapshot) -> Followed:
        """Return `following` of the two, made once for all that share them."""
        key = (id(earlier), id(later))
        known = self._followed.get(key)
        if known is None:
            known = self._followed[key] = following(earlier, later)
        return known

    def attempt(
        self, event: str, group: ProxyClass, mesh: Index, make: Callable[[], T]
    ) -> T | None:
        """Return what ``make`` makes for ``group``; None, and ``event``, on a bug."""
        result = contained(make)
        if not isinstance(result, Failed):
            return result.value
        self.metrics.build_failures.inc()
        log.error(
            event,
            namespace=group.namespace,
            labels=dict(group.labels),
            revision=mesh.revision,
            exc_info=result.error,
        )
        return None

    def _parts(
        self, group: ProxyClass, mesh: Index, earlier: Made | None
    ) -> tuple[tuple[Snapshot, ...], Near | None]:
        """Return what ``group`` is to hold, in parts that classes may share.

        And its own parts; ``earlier`` is what it held at an earlier revision.
        """
        if not in_layers(group):
            seeing = scope(mesh, group)
            rest = of_items(items(besides(seeing)), mesh.revision)
            parts = (self._outward.reached(seeing), rest)
            if not mesh.envoy_filters:
                return parts, None
            return self._changed_by_hand(seeing, parts), None
        known = earlier.near if earlier and earlier.stamp == self._before else None
        if known is None or not MEMBERSHIP.isdisjoint(self._changed):
            group = member(mesh, group)
        else:
            group = known.group
        seen = self._seen.of(group, lambda asking: self._look(mesh, group, asking))
        routes = seen.routes.of(group, lambda asking: self._routed(asking, seen))
        near = self._near(group, seen, known)
        told, received = near.told.value, near.received.value
        made = (seen.outward.reached, routes, told, received)
        if not mesh.envoy_filters:
            return made, near
        seeing = with_own(seen.scope, group, near.owned)
        return self._changed_by_hand(seeing, made), near

    def _changed_by_hand(
        self, seeing: Scope, parts: tuple[Snapshot, ...]
    ) -> tuple[Snapshot, ...]:
        """Return ``parts`` with a person's own changes to Envoy's messages."""
        found = self._patches.of(seeing, (), patches).value
        if not found:
            return parts
        gateway = seeing.group.role is Role.GATEWAY
        apart = seeing.group.hosts_apart
        return self._patching.of(parts, found, gateway=gateway, hosts_apart=apart)

    def _near(self, group: ProxyClass, seen: Seen, known: Near | None) -> Near:
        """Return the parts that are a class's own; mostly they stand as they were."""
        listeners = (seen.outward.listeners,)
        if known is not None and group is known.group and not self._concerns(group):
            _, _, told, received = known
            if told.stands(seen.scope, listeners, self._changed) and received.stands(
                seen.scope, (), self._changed
            ):
                return known
        scope = with_own(seen.scope, group, known.owned if known else None)
        return Near(
            group,
            Owned(scope.targets, scope.own),
            self._told.of(scope, listeners, lambda it: _told(it, *listeners)),
            self._own.of(scope, (), _received),
        )

    def _concerns(self, group: ProxyClass) -> bool:
        """Tell whether workloads of ``group`` may answer for something else now."""
        new = self._moved
        at_home = group.namespace in new.namespaces
        return at_home or not new.addresses.isdisjoint(group.addresses)

    def _look(self, mesh: Index, group: ProxyClass, asking: ProxyClass) -> Seen:
        """Return what ``group`` sees; ``asking`` is it, and notes what is asked."""
        scope = outward_scope(mesh, asking)
        known = self._shaped.known(group) if self._shaped else None
        if known is None:
            routes = ByClass[Snapshot](self._memory)
            return Seen(scope, self._outward.outward(scope), routes)
        questions, before = known
        for each in questions:  # what is taken over depends on them still
            of_class(asking, each)
        return Seen(scope, self._outward.again(scope, before.outward), before.routes)

    def _routed(self, group: ProxyClass, seen: Seen) -> Snapshot:
        made = self._outward.tables.routed(group, seen.outward.tables)
        return of_items(made, seen.scope.index.revision)


def _told(scope: Scope, listeners: tuple[ir.Listener, ...]) -> Snapshot:
    """Return ``listeners`` with what the proxies of ``scope`` tell of their traffic."""
    return of_items(items(outward_listeners(scope, listeners)), Revision(0))


def _received(scope: Scope) -> Snapshot:
    """Return what proxies with ``scope`` hold for what reaches their workload."""
    return of_items(items(own(scope)), Revision(0))
