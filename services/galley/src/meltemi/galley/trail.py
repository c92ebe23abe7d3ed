"""What this Galley did about each change, as spans of the change's trace.

::

    galley.put ──▶ relay.ring ──▶ (Pilot) pilot.batch ──▶ pilot.push ──▶ ack
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from meltemi.events.trace_context import TraceContext
from meltemi.runtime.tracing import Told, Tracing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.events.change import Change
    from meltemi.galley.objects import Order
    from meltemi.kernel.names import Epoch, Revision

MOST_NAMED: Final = 10
"""Objects of one transaction that its span names."""


class Trail:
    """Tells of writes and rings; there is none where nothing is traced."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self.epoch: Epoch | None = None
        """The ledger that is followed: revisions are its own."""
        self._ring: TraceContext | None = None

    def now(self) -> int:
        """Return the time in nanoseconds since 1970."""
        return self._tracing.now()

    def put(self, orders: Sequence[Order], revision: Revision, started: int) -> None:
        """Tell of a transaction that was written at ``revision``."""
        if self.epoch is None:
            return
        callers = (TraceContext.parse(each.asked.trace) for each in orders[:1])
        names = [str(each.intent.key) for each in orders[:MOST_NAMED]]
        self._tracing.tell(
            Told(
                "galley.put",
                self._tracing.change(self.epoch, revision),
                started,
                self.now(),
                attributes={
                    "mesh.revision": str(revision),
                    "mesh.objects": len(orders),
                    "mesh.object": ", ".join(names),
                    "enduser.id": orders[0].asked.stamp.manager,
                },
                links=[each for each in callers if each and each.sampled],
                kind=SpanKind.SERVER,
            )
        )

    def ringing(self, change: Change) -> TraceContext:
        """Return where the ring of ``change`` stands: one for all of a revision."""
        self.epoch = change.epoch
        begun = self._tracing.change(change.epoch, change.revision)
        if self._ring is None or self._ring.trace_id != begun.trace_id:
            self._ring = self._tracing.after(begun)
        return self._ring

    def rung(self, change: Change, started: int, *, heard: bool) -> None:
        """Tell that the last part of a revision was handed to the bus."""
        if change.part < change.parts:
            return
        self._tracing.tell(
            Told(
                "relay.ring",
                self.ringing(change),
                started,
                self.now(),
                self._tracing.change(change.epoch, change.revision),
                {
                    "mesh.revision": str(change.revision),
                    "mesh.heard": str(heard).lower(),
                    "messaging.system": "nats",
                },
                kind=SpanKind.PRODUCER,
            )
        )
