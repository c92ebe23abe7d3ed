"""From the newest mesh to the newest snapshot of each class of proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import structlog

from meltemi.pilot.model.change import change
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.sharing import Sharing
from meltemi.pilot.snapshot import Followed, Snapshot, following, joined
from meltemi.runtime.containment import Failed, contained
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.kernel.clock import Clock
    from meltemi.kernel.names import Revision
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.metrics import Metrics
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.sharing import Near

Stamp = tuple[int, int, int]
T = TypeVar("T")

LINGER_SECONDS: Final = 60.0
MOST_EMPTY: Final = 1024
"""Classes without proxies that are remembered, and for how long."""

log = structlog.get_logger("meltemi.pilot")


class Made(NamedTuple):
    """What a class holds as of ``stamp``, and the parts it is joined of.

    ``parts`` are ``fresh``, which others share, with what each replaced.
    """

    stamp: Stamp
    fresh: tuple[Snapshot, ...]
    parts: tuple[Snapshot, ...]
    whole: Snapshot
    near: Near | None


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
        self._made: dict[ProxyClass, Made] = {}
        self._empty: dict[ProxyClass, float] = {}
        self._indexed: Stamp | None = None
        self._before: Stamp | None = None
        self._sharing: Sharing | None = None
        self._followed: dict[tuple[int, int], Followed] = {}

    def of(self, group: ProxyClass) -> Snapshot | None:
        """Return the newest snapshot for ``group``; None before the first mesh."""
        sharing, stamp = self._turned(), self._mesh.value.stamp
        made = self._made.get(group)
        self._empty.pop(group, None)
        if sharing is not None and (made is None or made.stamp != stamp):
            made = self._build(group, sharing, stamp)
        return made.whole if made else None

    def newest(self) -> Index | None:
        """Return the newest mesh, arranged; None before the first one."""
        sharing = self._turned()
        return sharing.mesh if sharing else None

    def _turned(self) -> Sharing | None:
        """Return who makes the parts of the newest mesh; None before the first one."""
        mesh, sharing = self._mesh.value, self._sharing
        if mesh.revision == 0:
            return None
        if sharing is None or self._indexed != mesh.stamp:
            if sharing is None:
                sharing = self._sharing = Sharing(index(mesh, self._config))
            else:
                made = index(mesh, self._config, before=sharing.mesh)
                sharing.turn(made, change(sharing.mesh, made))
            self._before, self._indexed = self._indexed, mesh.stamp
            self._followed = {}
            self._drop_empty()
        return sharing

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

    def _build(self, group: ProxyClass, sharing: Sharing, stamp: Stamp) -> Made | None:
        """Make the snapshot of ``group``; return what it had where that fails."""
        started, mesh = self._clock.monotonic(), sharing.mesh
        earlier = self._made.get(group)
        known = earlier.near if earlier and earlier.stamp == self._before else None
        found = self.attempt(
            "snapshot.failed", group, mesh, lambda: sharing.parts(group, known)
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
