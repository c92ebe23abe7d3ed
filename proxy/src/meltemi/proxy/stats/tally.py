"""What an Envoy counted and no Pilot was told of yet, of a bounded number of edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.stats.counts import NOTHING, Counts, plus
from meltemi.stats.report import MOST_EDGES, QUIET, Counted, Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.stats.edge import Edge


class Tally:
    """Adds up what is new, page by page, until somebody has heard of it.

    So many edges are told apart. One that was quiet for a minute makes room where all
    are taken; what else there is, is told as one edge of each reporter and protocol.
    """

    def __init__(self, most: int = MOST_EDGES) -> None:
        self._most = most
        self._page = 0
        # On which page an edge was new last: who was quiet for the longest is first.
        self._changed: dict[Edge, int] = {}
        self._others: dict[tuple[str, str], Edge] = {}
        self._untold: dict[Edge, Counts] = {}

    def count(self, news: Mapping[Edge, Counts]) -> None:
        """Add what a page says is new."""
        self._page += 1
        for edge in news:
            if self._changed.pop(edge, None):
                self._changed[edge] = self._page
        for edge, counts in news.items():
            self._add(edge if self._is_apart(edge) else self._other(edge), counts)

    def report(self) -> Report:
        """Return what was counted since the last report that arrived."""
        return Report(tuple(Counted(*each) for each in self._untold.items()))

    def arrived(self) -> None:
        """Take it that a Pilot was told of all that was counted."""
        self._untold = {}

    def _is_apart(self, edge: Edge) -> bool:
        if edge in self._changed:
            return True
        if len(self._changed) >= self._most:
            quietest = next(iter(self._changed))
            if self._changed[quietest] > self._page - QUIET:
                return False
            self._forget(quietest)
        self._changed[edge] = self._page
        return True

    def _forget(self, edge: Edge) -> None:
        """Count with others what no Pilot has heard of ``edge``."""
        del self._changed[edge]
        untold = self._untold.pop(edge, None)
        if untold is not None:
            self._add(self._other(edge), untold)

    def _other(self, edge: Edge) -> Edge:
        """Return the one that stands for ``edge``, whatever its own end is called."""
        kind = edge.reporter, edge.protocol
        return self._others.setdefault(kind, edge.with_others())

    def _add(self, edge: Edge, counts: Counts) -> None:
        self._untold[edge] = plus(self._untold.get(edge, NOTHING), counts)
