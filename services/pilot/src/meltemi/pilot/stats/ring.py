"""What was counted of each edge in the last fifteen minutes, in bounded memory.

::

    who reports ─▶ edge ─▶ track: 182 periods of 5 s, 17 KB

Nobody's edges push out those of another who has fewer. Where all is full and somebody
has at least two more than who brings a new one, the one with the most gives up the
edge that was silent for the longest. So whoever has no more than an equal share loses
none, and whoever has less gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.pilot.stats.track import Track
from meltemi.stats.report import QUIET, SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.stats.counts import Counts
    from meltemi.stats.edge import Edge

MOST: Final = 1000
"""Edges of one Pilot's proxies; what more there are is counted as one."""


class Ring:
    """All edges. A tick is a number of periods, and never goes back."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        # Who was silent for the longest stands first.
        self._held: dict[str, dict[Edge, Track]] = {}
        self._others: dict[Edge, Track] = {}
        self._size = 0
        self._swept = 0
        self._largest = ""
        self.folded = 0
        """How often an edge was counted with others: there was no room for it."""
        self.dropped = 0
        """Edges that were given up for another's, and are counted with others."""

    def __len__(self) -> int:
        return self._size + len(self._others)

    def add(self, reporter: str, edge: Edge, counts: Counts, tick: int) -> None:
        """Count at ``edge`` what ``reporter`` tells, or with the others."""
        self._sweep(tick)
        held = self._held.get(reporter, {})
        track = held.pop(edge, None)
        if track is None and not self._has_room(reporter, tick):
            self.folded += 1
            self._other(edge, tick).add(counts, tick)
            return
        if track is None:
            track = Track(tick)
            self._size += 1
            self._largest = ""
        track.add(counts, tick)
        held[edge] = track
        self._held[reporter] = held

    def between(self, first: int, end: int) -> Iterator[tuple[Edge, Counts]]:
        """Yield what was counted from tick ``first`` to ``end``, if anything."""
        for tracks in (*self._held.values(), self._others):
            for edge, track in tracks.items():
                counts = track.between(first, end)
                if any(counts):
                    yield edge, counts

    def _has_room(self, reporter: str, tick: int) -> bool:
        """Tell whether ``reporter`` may have one more, and see to it."""
        if self._size < self._most:
            return True
        own = self._held.get(reporter, {})
        largest = self._with_most()
        # One more would only be taken back and forth.
        if len(self._held[largest]) >= len(own) + 2:
            self._drop(largest)
            return True
        quietest = next(iter(own.values()), None)
        if quietest is not None and quietest.newest <= tick - QUIET:
            self._drop(reporter)
            return True
        return False

    def _with_most(self) -> str:
        if not self._largest:
            self._largest = max(self._held, key=lambda each: len(self._held[each]))
        return self._largest

    def _drop(self, reporter: str) -> None:
        """Count the edge of ``reporter`` that was silent for the longest as others."""
        held = self._held[reporter]
        edge = next(iter(held))
        track = self._forget(reporter, edge)
        self._other(edge, track.newest).absorb(track)
        self.dropped += 1

    def _other(self, edge: Edge, tick: int) -> Track:
        others = edge.among_others()
        track = self._others.get(others)
        if track is None:
            track = self._others[others] = Track(tick)
        return track

    def _sweep(self, tick: int) -> None:
        """Once in a period, forget edges that nothing passed in fifteen minutes."""
        if tick == self._swept:
            return
        self._swept = tick
        for reporter, held in list(self._held.items()):
            for edge, track in list(held.items()):
                if track.newest >= tick - SLOTS:
                    break
                self._forget(reporter, edge)

    def _forget(self, reporter: str, edge: Edge) -> Track:
        held = self._held[reporter]
        track = held.pop(edge)
        if not held:
            del self._held[reporter]
        self._size -= 1
        self._largest = ""
        return track
