"""Spans of a service, sent to an OpenTelemetry collector by a thread of their own.

What is told is kept in a queue that forgets the oldest: a collector that is slow or
away costs spans, and never time. Where there is no collector there is no `Tracing`,
and whoever would tell one something asks for nothing but that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

import structlog
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from meltemi.events.trace_context import TraceContext, change_trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from meltemi.kernel.clock import Clock
    from meltemi.kernel.names import Epoch, Revision

PATH: Final = "/v1/traces"
"""Where a collector takes spans, in OTLP over HTTP."""
EXPORT_SECONDS: Final = 2.0
"""How long a collector may take with a batch, repeats and all."""
DELAY_MILLIS: Final = 1000
"""How long a span waits for others to go with."""
MOST_WAITING: Final = 8192
"""Spans: what one change is of a thousand proxies, four times; older ones are lost."""
FAREWELL_SECONDS: Final = 1.0
"""How long a service that ends waits for its last spans to be taken."""
NANO: Final = 1_000_000_000

log = structlog.get_logger("meltemi.tracing")


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was done, from its begin to its end.

    Attributes:
        name: What was done, as everybody calls it: ``pilot.push``.
        own: Where the span stands.
        started: When it began, in nanoseconds since 1970.
        ended: When it was done.
        parent: What it follows from; None: it begins the trace.
        attributes: About what it was. No values of objects: they may be secret.
        links: What else it has to do with.
        kind: Whom it was done for, or with.
        failed: Why it did not succeed; empty: it did.

    """

    name: str
    own: TraceContext
    started: int
    ended: int
    parent: TraceContext | None = None
    attributes: Mapping[str, str | int] = field(default_factory=dict[str, "str | int"])
    links: Sequence[TraceContext] = ()
    kind: SpanKind = SpanKind.INTERNAL
    failed: str = ""


class _Given(IdGenerator):
    """Gives the ids that the next span shall have."""

    def __init__(self, own: TraceContext) -> None:
        self.own = own

    def generate_span_id(self) -> int:
        return self.own.span_id

    def generate_trace_id(self) -> int:
        return self.own.trace_id


class _Exporter(OTLPSpanExporter):
    """Says once that a collector does not take spans, and once that it does again."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout=EXPORT_SECONDS)
        self._url, self._heard = url, True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        heard = result is SpanExportResult.SUCCESS
        if heard and not self._heard:
            log.info("collector.back", url=self._url)
        elif self._heard and not heard:
            log.warning("collector.away", url=self._url, lost=len(spans))
        self._heard = heard
        return result


class Tracing:
    """Tells the collector at ``url`` what service ``name`` does.

    Args:
        url: ``http://HOST:PORT``, or https.
        name: Of the service, as collectors group by it.
        instance: Which of its replicas this is.
        clock: Says when.
        share: Of all changes, how many are traced: 0 to 1.

    """

    def __init__(
        self, url: str, name: str, instance: str, clock: Clock, share: float = 1.0
    ) -> None:
        self._clock, self._share = clock, share
        # The exporter's own log has a line for each try: ours has one for each change.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._rng = Random()  # noqa: S311 - ids are no secret, they must only differ
        self._ids = _Given(TraceContext(1, 1, sampled=True))
        self._exporter = _Exporter(url.removesuffix("/") + PATH)
        about = {"service.name": name, "service.instance.id": instance}
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what is not sampled is not told to begin with
            resource=Resource(about),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=MOST_WAITING,
                schedule_delay_millis=DELAY_MILLIS,
            )
        )
        self._tracer = self._provider.get_tracer("meltemi")

    def now(self) -> int:
        """Return the time in nanoseconds since 1970."""
        return int(self._clock.now().timestamp() * NANO)

    def change(self, epoch: Epoch, revision: Revision) -> TraceContext:
        """Return where the trace of a change begins."""
        return change_trace(epoch, revision, self._share)

    def after(self, parent: TraceContext) -> TraceContext:
        """Return the place of a new span that follows from ``parent``."""
        own = self._rng.getrandbits(64) or 1
        return TraceContext(parent.trace_id, own, parent.sampled)

    def tell(self, told: Told) -> None:
        """Have the collector hear of ``told``, if its trace is sampled. Never waits."""
        if not told.own.sampled:
            return
        self._ids.own = told.own
        around = None
        if told.parent is not None:
            around = set_span_in_context(NonRecordingSpan(_context(told.parent)))
        span = self._tracer.start_span(
            told.name,
            around,
            told.kind,
            dict(told.attributes),
            [Link(_context(each)) for each in told.links],
            told.started,
        )
        if told.failed:
            span.set_status(Status(StatusCode.ERROR, told.failed))
        span.end(told.ended)

    def close(self) -> None:
        """Have the last spans taken; return after a second, taken or not."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(FAREWELL_SECONDS)
        if last.is_alive():
            self._exporter.shutdown()


def _context(found: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if found.sampled else TraceFlags.DEFAULT)
    return SpanContext(found.trace_id, found.span_id, is_remote=True, trace_flags=flags)


@contextlib.asynccontextmanager
async def told(tracing: Tracing) -> AsyncIterator[Tracing]:
    """Have ``tracing`` while the context lasts; its last words are sent at the end."""
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)
