"""From the newest mesh to the newest snapshot of each class of proxies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import structlog

from meltemi.pilot.model.index import Index, index
from meltemi.pilot.scope.membership import member
from meltemi.pilot.scope.observed import Shared
from meltemi.pilot.scope.scope import outward as outward_scope
from meltemi.pilot.scope.scope import scope, with_own
from meltemi.pilot.snapshot import Snapshot, following, joined, snapshot, steady
from meltemi.pilot.translate.resources import (
    outward,
    outward_listeners,
    own,
    resources,
    shareable,
)
from meltemi.runtime.containment import Failed, contained

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

Stamp = tuple[int, int, int]
Followed = tuple[Snapshot, Snapshot, Snapshot]
"""Two snapshots, kept so that their ids stay theirs, and `following` of them."""

T = TypeVar("T")

log = structlog.get_logger("meltemi.pilot")


@dataclass(frozen=True, slots=True)
class Seen:
    """What leaves the workloads of all classes that see alike."""

    scope: Scope
    part: Snapshot
    listeners: tuple[ir.Listener, ...]
    told: Shared[Snapshot] = field(default_factory=Shared["Snapshot"])
    """The listeners by what is told of their traffic."""

    def tell(self, group: ProxyClass) -> Snapshot:
        """Return the listeners with what ``group`` tells of its traffic."""
        scope = replace(self.scope, group=group)
        made = outward_listeners(scope, self.listeners)
        return snapshot(made, revision=scope.index.revision)


@dataclass(frozen=True, slots=True)
class Made:
    """What a class holds as of ``stamp``, and the parts it is joined of."""

    stamp: Stamp
    parts: tuple[Snapshot, ...]
    whole: Snapshot


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
        self._indexed: Stamp | None = None
        self._seen = Shared[Seen]()
        self._followed: dict[tuple[int, int], Followed] = {}

    def of(self, group: ProxyClass) -> Snapshot | None:
        """Return the newest snapshot for ``group``; None before the first mesh."""
        mesh, stamp = self.newest(), self._mesh.value.stamp
        made = self._made.get(group)
        if mesh is not None and (made is None or made.stamp != stamp):
            made = self._build(group, mesh, stamp)
        return made.whole if made else None

    def newest(self) -> Index | None:
        """Return the newest mesh, arranged; None before the first one."""
        mesh = self._mesh.value
        if mesh.revision == 0:
            return None
        if self._index is None or self._indexed != mesh.stamp:
            self._index, self._indexed = index(mesh, self._config), mesh.stamp
            self._seen = Shared[Seen]()
            self._followed = {}
        return self._index

    def forget(self, group: ProxyClass) -> None:
        """Drop the snapshot of a class that has no proxies any more."""
        self._made.pop(group, None)

    def _build(self, group: ProxyClass, mesh: Index, stamp: Stamp) -> Made | None:
        """Make the snapshot of ``group``; return what it had where that fails."""
        started = self._clock.monotonic()
        parts = self.attempt(
            "snapshot.failed", group, mesh, lambda: self._parts(group, mesh)
        )
        earlier = self._made.get(group)
        if parts is not None:
            if earlier and len(earlier.parts) == len(parts):
                both = zip(earlier.parts, parts, strict=True)
                parts = tuple(self._following(*each) for each in both)
                whole = joined(parts)
                kept = steady(earlier.whole.versions, whole.versions)
                whole = replace(whole, versions=kept)
            else:
                whole = joined(parts)
                whole = following(earlier.whole, whole) if earlier else whole
            self._made[group] = Made(stamp, parts, whole)
        self.metrics.build_seconds.observe(self._clock.monotonic() - started)
        return self._made.get(group)

    def _following(self, earlier: Snapshot, later: Snapshot) -> Snapshot:
        """Return `following` of the two, made once for all that share them."""
        key = (id(earlier), id(later))
        known = self._followed.get(key)
        if known is None:
            known = (earlier, later, following(earlier, later))
            self._followed[key] = known
        return known[2]

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

    def _parts(self, group: ProxyClass, mesh: Index) -> tuple[Snapshot, ...]:
        """Return what ``group`` is to hold, in parts that classes may share."""
        if not shareable(mesh, group):
            whole = resources(scope(mesh, group))
            return (snapshot(whole, revision=mesh.revision),)
        group = member(mesh, group)
        seen = self._seen.of(group, lambda asked: _seen(mesh, asked))
        listeners = seen.told.of(group, seen.tell)
        near = own(with_own(seen.scope, group))
        return (seen.part, listeners, snapshot(near, revision=mesh.revision))


def _seen(mesh: Index, group: ProxyClass) -> Seen:
    found = outward_scope(mesh, group)
    made = outward(found)
    part = snapshot(made.reached, revision=mesh.revision)
    return Seen(found, part, made.listeners)
