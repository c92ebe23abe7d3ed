"""What the mesh was told of a proxy's counters, and what it was not told yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.stats.counts import NOTHING, Counts, minus
from meltemi.stats.report import Counted, Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.stats.edge import Edge


class Tally:
    """Totals, which only grow, as they were told last."""

    def __init__(self) -> None:
        self._told: Mapping[Edge, Counts] = {}

    def news(self, totals: Mapping[Edge, Counts]) -> Report:
        """Return what was counted since the last report that arrived."""
        found = (
            Counted(edge, minus(counts, self._told.get(edge, NOTHING)))
            for edge, counts in totals.items()
        )
        return Report(tuple(each for each in found if any(each.counts)))

    def arrived(self, totals: Mapping[Edge, Counts]) -> None:
        """Take it that a Pilot was told of ``totals``."""
        self._told = totals
