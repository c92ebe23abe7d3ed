"""What was counted of each edge in the last fifteen minutes, in bounded memory.

::

    edge ─▶ track: 180 cells of 5 s, each 21 numbers of 4 bytes = 15 KB
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from meltemi.stats.counts import NOTHING, WIDTH, plus
from meltemi.stats.report import SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.stats.counts import Counts
    from meltemi.stats.edge import Edge

MOST: Final = 1000
"""Edges of one Pilot's proxies; what more there are is counted as one."""
EMPTY: Final = bytes(4 * WIDTH)


class Track:
    """One edge's cells, of which those up to ``newest`` are filled."""

    __slots__ = ("cells", "newest")

    def __init__(self, tick: int) -> None:
        self.newest = tick
        # Single precision counts 16 million in a period exactly.
        self.cells = array("f", EMPTY * SLOTS)

    def add(self, counts: Sequence[float], tick: int) -> None:
        """Add to the cell of ``tick``; one that is long past is dropped."""
        for passed in range(max(self.newest + 1, tick - SLOTS + 1), tick + 1):
            self.cells[_cell(passed)] = array("f", EMPTY)
        self.newest = max(self.newest, tick)
        if tick > self.newest - SLOTS:
            at = _cell(tick)
            self.cells[at] = array("f", plus(self.cells[at], counts))

    def over(self, first: int, last: int) -> Counts:
        """Return the sum of the cells from ``first`` to ``last``."""
        total = NOTHING
        oldest = max(first, self.newest - SLOTS + 1)
        for tick in range(oldest, min(last, self.newest) + 1):
            total = plus(total, self.cells[_cell(tick)])
        return total


def _cell(tick: int) -> slice:
    at = tick % SLOTS * WIDTH
    return slice(at, at + WIDTH)


class Ring:
    """All edges. A tick is a number of periods; time is the caller's."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._tracks: dict[Edge, Track] = {}
        self.folded = 0
        """How often an edge was counted with others: there were too many."""

    def __len__(self) -> int:
        return len(self._tracks)

    def add(self, edge: Edge, counts: Counts, tick: int) -> None:
        """Count ``counts`` at ``edge``, or with the others where there is no room."""
        if edge not in self._tracks and len(self._tracks) >= self._most:
            self._forget(tick)
        if edge not in self._tracks and len(self._tracks) >= self._most:
            edge = edge.among_others()
            self.folded += 1
        track = self._tracks.get(edge)
        if track is None:
            track = self._tracks[edge] = Track(tick)
        track.add(counts, tick)

    def over(self, first: int, last: int) -> Iterator[tuple[Edge, Counts]]:
        """Yield what was counted from tick ``first`` to ``last``, if anything."""
        for edge, track in self._tracks.items():
            counts = track.over(first, last)
            if any(counts):
                yield edge, counts

    def _forget(self, tick: int) -> None:
        """Give up edges that nothing passed in fifteen minutes."""
        silent = [
            edge for edge, track in self._tracks.items() if track.newest <= tick - SLOTS
        ]
        for edge in silent:
            del self._tracks[edge]
