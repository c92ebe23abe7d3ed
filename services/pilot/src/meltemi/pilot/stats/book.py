"""What proxies tell of their traffic, kept by when it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.pilot.stats.ring import Ring
from meltemi.stats.report import PERIOD_SECONDS, SLOTS, Counted, Report

if TYPE_CHECKING:
    from meltemi.kernel.clock import Clock
    from meltemi.kernel.identity import SpiffeId
    from meltemi.stats.edge import Edge

SHORTEST: Final = PERIOD_SECONDS
LONGEST: Final = PERIOD_SECONDS * SLOTS


class Book:
    """The ring, and the clock it is turned by."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ring = Ring()

    def note(self, report: Report, identity: SpiffeId | None) -> None:
        """Count what a proxy reports, who is ``identity`` where it proved that."""
        tick = self._tick()
        for each in report.edges:
            edge = proved(each.edge, identity) if identity else each.edge
            self.ring.add(edge, each.counts, tick)

    def over(self, seconds: float) -> Report:
        """Return what was counted in the last ``seconds``; from 5 s to 15 minutes."""
        last = self._tick()
        periods = min(max(seconds, SHORTEST), LONGEST) / PERIOD_SECONDS
        first = last - round(periods) + 1
        found = (Counted(*each) for each in self.ring.over(first, last))
        return Report(tuple(found))

    def _tick(self) -> int:
        return int(self._clock.monotonic() / PERIOD_SECONDS)


def proved(edge: Edge, identity: SpiffeId) -> Edge:
    """Return ``edge`` with the reporter's own end as its certificate has it.

    So no workload can count anything in the name of another namespace or account.
    """
    own = getattr(edge, edge.reporter)
    end = msgspec.structs.replace(
        own, namespace=identity.namespace, principal=str(identity)
    )
    if edge.reporter == "source":
        return msgspec.structs.replace(edge, source=end)
    return msgspec.structs.replace(edge, destination=end)
