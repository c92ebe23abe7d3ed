"""From the newest mesh to what the agents of each class answer for its names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.kernel.digest import content_version
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.translate.name_table import name_table
from meltemi.xds.name_table import encode

if TYPE_CHECKING:
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.push import Snapshots
    from meltemi.pilot.scope.proxy import ProxyClass


@dataclass(frozen=True, slots=True)
class Told:
    """A name table as it is sent. ``version`` is the hash of ``body``."""

    version: str
    body: bytes


class NameTables:
    """Makes a class's table once a mesh, when the first of it asks.

    A class whose table cannot be computed keeps the one it had (reliability F-32).
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._made: dict[ProxyClass, tuple[Index, Told]] = {}

    def of(self, group: ProxyClass) -> Told | None:
        """Return the newest table for ``group``; None while there is none."""
        mesh, held = self._snapshots.newest(), self._made.get(group)
        if mesh is not None and (held is None or held[0] is not mesh):
            self._build(group, mesh)
        made = self._made.get(group)
        return made[1] if made else None

    def forget(self, group: ProxyClass) -> None:
        """Drop the table of a class that nobody asks for any more."""
        self._made.pop(group, None)

    def _build(self, group: ProxyClass, mesh: Index) -> None:
        body = self._snapshots.attempt(
            "names.failed", group, mesh, lambda: encode(name_table(scope(mesh, group)))
        )
        if body is not None:
            self._made[group] = (mesh, Told(content_version(body), body))
