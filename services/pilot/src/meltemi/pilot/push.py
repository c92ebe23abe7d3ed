"""From the newest mesh to the newest snapshot of each class of proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import structlog

from meltemi.pilot.model.index import Index, index
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import Snapshot, following, snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.runtime.containment import Failed, contained

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.kernel.clock import Clock
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.metrics import Metrics
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.scope.proxy import ProxyClass

Stamp = tuple[int, int, int]

T = TypeVar("T")

log = structlog.get_logger("meltemi.pilot")


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
        self._made: dict[ProxyClass, Snapshot] = {}
        self._stamps: dict[ProxyClass, Stamp] = {}
        self._indexed: Stamp | None = None

    def of(self, group: ProxyClass) -> Snapshot | None:
        """Return the newest snapshot for ``group``; None before the first mesh."""
        mesh, stamp = self.newest(), self._mesh.value.stamp
        if mesh is not None and self._stamps.get(group) != stamp:
            self._build(group, mesh, stamp)
        return self._made.get(group)

    def newest(self) -> Index | None:
        """Return the newest mesh, arranged; None before the first one."""
        mesh = self._mesh.value
        if mesh.revision == 0:
            return None
        if self._index is None or self._indexed != mesh.stamp:
            self._index, self._indexed = index(mesh, self._config), mesh.stamp
        return self._index

    def forget(self, group: ProxyClass) -> None:
        """Drop the snapshot of a class that has no proxies any more."""
        self._made.pop(group, None)
        self._stamps.pop(group, None)

    def _build(self, group: ProxyClass, mesh: Index, stamp: Stamp) -> None:
        started = self._clock.monotonic()
        made = self.attempt(
            "snapshot.failed", group, mesh, lambda: self._computed(group, mesh)
        )
        self.metrics.build_seconds.observe(self._clock.monotonic() - started)
        if made is None:
            return
        earlier = self._made.get(group)
        self._made[group] = following(earlier, made) if earlier else made
        self._stamps[group] = stamp

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

    def _computed(self, group: ProxyClass, mesh: Index) -> Snapshot:
        return snapshot(resources(scope(mesh, group)), revision=mesh.revision)
