"""What this Pilot did about each change, as spans of the change's trace.

::

    (Galley) galley.put ──▶ relay.ring ──▶ pilot.batch ──▶ pilot.push ──▶ ack
                                            once            for each proxy

A push that carries several revisions is told in the trace of each of them: whoever
looks at a change sees every proxy that it reached, and which of them refused some of
it. That is a failed ack, as the proxy goes on with what it had.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from meltemi.events.trace_context import TraceContext
from meltemi.runtime.tracing import Told, Tracing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meltemi.events.change import Change
    from meltemi.kernel.names import Epoch, Revision
    from meltemi.pilot.connections import Connection
    from meltemi.xds.session import Session

REVISIONS_KEPT: Final = 64
"""Of how many recent changes a push is told."""

LONGEST_REASON: Final = 300
"""Characters of an Envoy's words in a span."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A change that is in the mesh since ``published``, and its span."""

    context: TraceContext
    published: int


@dataclass(frozen=True, slots=True)
class Push:
    """A change that one proxy was sent at ``sent``, and its span."""

    context: TraceContext
    sent: int


@dataclass(slots=True)
class Way:
    """How far one stream has come: what was told of it, and what is still due."""

    told: int
    due: dict[int, Push] = field(default_factory=dict["int", "Push"])
    refused: dict[int, str] = field(default_factory=dict["int", "str"])
    """Of what is due, why the proxy would not take some of it."""


class Trail:
    """Tells of changes that were taken in, pushed and acknowledged."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._batches: OrderedDict[int, Batch] = OrderedDict()
        self._ways: dict[int, Way] = {}

    def now(self) -> int:
        """Return the time in nanoseconds since 1970."""
        return self._tracing.now()

    def rung(self, changes: Sequence[Change], started: int) -> None:
        """Tell that a change the bell told of is in the mesh since now."""
        first = changes[0]
        ring = TraceContext.parse(first.trace)
        parent = ring or self._tracing.change(first.epoch, first.revision)
        self._batch(first.revision, parent, started, how="bell")

    def read(self, epoch: Epoch, revisions: Iterable[Revision], started: int) -> None:
        """Tell that changes the ledger itself told of are in the mesh since now."""
        for revision in sorted(revisions)[-REVISIONS_KEPT:]:
            if revision not in self._batches:
                parent = self._tracing.change(epoch, revision)
                self._batch(revision, parent, started, how="ledger")

    def _batch(
        self, revision: Revision, parent: TraceContext, started: int, *, how: str
    ) -> None:
        own, ended = self._tracing.after(parent), self.now()
        about = {"mesh.revision": str(revision), "mesh.heard_from": how}
        self._tracing.tell(
            Told("pilot.batch", own, started, ended, parent, about, (), CONSUMER)
        )
        self._batches[revision] = Batch(own, ended)
        while len(self._batches) > REVISIONS_KEPT:
            self._batches.popitem(last=False)

    def progressed(self, connection: Connection, *, sent: bool) -> None:
        """Tell what was ``sent`` on a stream, and what its proxy has acknowledged.

        What a proxy is given when it comes is no change, and not told.
        """
        session = connection.session
        way = self._ways.setdefault(id(connection), Way(session.revision))
        now = self.now()
        if sent and session.revision > way.told:
            for revision, batch in self._batches.items():
                if way.told < revision <= session.revision:
                    way.due[revision] = self._pushed(connection, revision, batch, now)
            way.told = session.revision
        for revision in way.due:
            if reason := _refusal(session, revision):
                way.refused[revision] = reason
        acked = session.acked
        for revision in [each for each in way.due if each <= acked]:
            reason = way.refused.pop(revision, "")
            self._acked(connection, revision, way.due.pop(revision), reason)
        way.told = max(way.told, acked)
        while len(way.due) > REVISIONS_KEPT:
            oldest = next(iter(way.due))
            del way.due[oldest]
            way.refused.pop(oldest, None)

    def left(self, connection: Connection) -> None:
        """Forget a stream that ended."""
        self._ways.pop(id(connection), None)

    def _pushed(
        self, connection: Connection, revision: int, batch: Batch, now: int
    ) -> Push:
        own, about = self._tracing.after(batch.context), _about(connection, revision)
        about["mesh.pushed_revision"] = str(connection.session.revision)
        self._tracing.tell(
            Told(
                "pilot.push",
                own,
                batch.published,
                now,
                batch.context,
                about,
                (),
                SpanKind.PRODUCER,
            )
        )
        return Push(own, now)

    def _acked(
        self, connection: Connection, revision: int, push: Push, reason: str
    ) -> None:
        own, about = self._tracing.after(push.context), _about(connection, revision)
        parent, now = push.context, self.now()
        told = Told("ack", own, push.sent, now, parent, about, failed=reason)
        self._tracing.tell(told)


CONSUMER: Final = SpanKind.CONSUMER


def _refusal(session: Session, revision: int) -> str:
    """Return what the proxy refuses of a push that carried ``revision``, or nothing."""
    reasons = [
        f"{kind.short} {name}: {refusal.message}"
        for kind, watch in session.watches.items()
        if session.progress[kind].refused >= revision
        for name, refusal in sorted(watch.refused.items())
    ]
    return "; ".join(reasons)[:LONGEST_REASON]


def _about(connection: Connection, revision: int) -> dict[str, str | int]:
    return {
        "mesh.revision": str(revision),
        "mesh.proxy": connection.proxy.name,
    }
