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
            self.ring.add(reporter_of(edge, identity), edge, each.counts, tick)

    def over(self, seconds: float) -> Report:
        """Return what was counted in as many seconds; from 5 s to 15 minutes.

        They are whole periods, the last of which has ended: in the one that has just
        begun some agents have reported and others have not, so its rate says nothing.
        """
        periods = min(max(seconds, SHORTEST), LONGEST) / PERIOD_SECONDS
        now = self._tick()
        found = (
            Counted(*each) for each in self.ring.between(now - round(periods), now)
        )
        return Report(tuple(found))

    def _tick(self) -> int:
        return int(self._clock.monotonic() / PERIOD_SECONDS)


def reporter_of(edge: Edge, identity: SpiffeId | None) -> str:
    """Return whose share of the ring ``edge`` takes.

    It is an account's where that was proved: workloads have the names they say. Where
    nobody proves anything, on loopback, they are believed.
    """
    if identity:
        return str(identity)
    own = getattr(edge, edge.reporter)
    return f"{own.workload}.{own.namespace}"


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
