"""Changes as they come: Kubernetes' chunked JSON, or server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Response

from meltemi.config.ledger_keys import collection_prefix
from meltemi.galley.feed import Feed, denied, expired, is_repeat
from meltemi.galley.refusals import (
    BusyError,
    ExpiredError,
    FutureRevisionError,
    InvalidQueryError,
)
from meltemi.galley.selector import Selection
from meltemi.kernel.names import Revision
from meltemi.store.ports import CompactedError, LedgerUnavailableError, Page

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from fastapi import Request
    from starlette.types import Receive, Scope, Send

    from meltemi.galley.adapters.place import Place
    from meltemi.galley.adapters.vigil import Right, Vigil
    from meltemi.galley.feed import Event
    from meltemi.galley.reads import Reads
    from meltemi.galley.refusals import ForbiddenError, UnauthenticatedError
    from meltemi.store.ports import LedgerReader, Step

BEAT_SECONDS = 15.0
"""Pause between bookmarks; they also keep connections from being taken for dead."""
OPENING_SECONDS = 2.0
MOST_WATCHES = 1000
"""Watches of one Galley: each follows etcd by a stream of its own."""
LONGEST_SECONDS = 3600
LINES = "application/json"
EVENTS = "text/event-stream"
ADVICE = "that revision is no longer in the history: list again, then watch from there"


@dataclass(frozen=True)
class Opened:
    """A watch that stands: what to tell first, and what follows."""

    feed: Feed
    right: Right
    initial: tuple[Event, ...]
    start: Revision
    """What the client knows up to; a step of it may be told again."""
    steps: AsyncGenerator[Step]


class Watches:
    """All watching clients of one Galley."""

    def __init__(
        self,
        reads: Reads,
        ledger: LedgerReader,
        mesh: str,
        vigil: Vigil,
        stopping: asyncio.Event,
    ) -> None:
        self._reads, self._ledger, self._mesh = reads, ledger, mesh
        self._vigil, self._stopping = vigil, stopping
        self.open = 0
        """How many there are, those that are being opened among them."""

    async def answer(
        self, request: Request, place: Place, right: Right, *, streamed: bool
    ) -> Response:
        """Return an answer about ``place`` that goes on until the client or we leave.

        It ends with an ERROR, too, as soon as ``right`` does not hold any more.

        Raises:
            ExpiredError: If the client's revision is no longer in the history.
            FutureRevisionError: If it is not in it yet.
            BusyError: If too many are watching.
            LedgerUnavailableError: If the ledger does not answer.

        """
        query = request.query_params
        selection = Selection.parse(
            query.get("labelSelector", ""), query.get("fieldSelector", "")
        )
        seconds = _number(query.get("timeoutSeconds", ""), "timeoutSeconds")
        known = request.headers.get("last-event-id") or query.get("resourceVersion")
        start = _number(known or "", "resourceVersion")
        limit = min(seconds or LONGEST_SECONDS, LONGEST_SECONDS)
        feed = Feed(place.kind, place.api_version, selection)
        with ExitStack() as seat:
            seat.enter_context(self._seat())
            opened = await self._opened(place, feed, right, Revision(start))
            kept = seat.pop_all()  # the answer leaves it
        return _WatchResponse(self, opened, kept, limit, streamed=streamed)

    @contextmanager
    def _seat(self) -> Iterator[None]:
        """Count a watch from its beginning on: opening one takes time."""
        if self.open >= MOST_WATCHES:
            raise BusyError(f"{MOST_WATCHES} clients are watching already")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def _opened(
        self, place: Place, feed: Feed, right: Right, start: Revision
    ) -> Opened:
        """Open a watch behind ``start``, or behind what is there if it is 0."""
        prefix = collection_prefix(self._mesh, place.kind.name, place.namespace)
        if start:
            await self._check_past(prefix, start)
            steps = await self._steps(prefix, start)
            return Opened(feed, right, (), start, steps)
        present, initial = await self._present(place, feed)
        steps = await self._steps(prefix, Revision(present + 1))
        return Opened(feed, right, initial, present, steps)

    async def _check_past(self, prefix: str, start: Revision) -> None:
        """Refuse a revision that the ledger has not reached: nothing happened there.

        It is of another ledger, of one before it was restored, or made up.
        """
        head = await self._ledger.list(prefix, keys_only=True, page=Page(1))
        if start > head.revision:
            raise FutureRevisionError(
                f"Too large resource version: {start}, current: {head.revision}: list "
                "again, then watch from there"
            )

    async def _present(
        self, place: Place, feed: Feed
    ) -> tuple[Revision, tuple[Event, ...]]:
        """Return what is there, and the revision it is of."""
        found = await self._reads.list(place.kind.name, place.namespace, feed.selection)
        if found.stale:
            raise LedgerUnavailableError("etcd is away: nothing can be watched")
        present = [feed.present(each) for each in found.items]
        end = feed.bookmark(found.revision, initial_end=True)
        return found.revision, (*present, end)

    async def _steps(self, prefix: str, start: Revision) -> AsyncGenerator[Step]:
        """Wait until the watch stands, so that refusals are answers and no events."""
        steps = self._ledger.watch(prefix, start)
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                await anext(steps)  # the first step is empty: the watch stands
        except CompactedError as error:
            raise ExpiredError(ADVICE) from error
        except TimeoutError:
            await steps.aclose()
            raise LedgerUnavailableError("etcd did not answer within 2 s") from None
        return steps

    async def stopping(self) -> None:
        """Wait until the service ends."""
        await self._stopping.wait()

    async def denied(self, right: Right) -> ForbiddenError | UnauthenticatedError:
        """Wait until ``right`` does not hold any more; return why."""
        return await self._vigil.over(right)


class _WatchResponse(Response):
    """An answer without an end, in one of two forms."""

    def __init__(
        self,
        watches: Watches,
        opened: Opened,
        seat: ExitStack,
        seconds: int,
        *,
        streamed: bool,
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers, EVENTS if streamed else LINES)
        del self.headers["content-length"]
        self._watches, self._opened = watches, opened
        self._seat, self._seconds = seat, seconds
        self._streamed, self._at = streamed, opened.start
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send events until somebody leaves."""
        head = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        with self._seat:
            await send(head)
            await self._until_over(receive, send)
        await send({"type": "http.response.body", "body": b""})

    async def _until_over(self, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._tell(send)),
                tasks.create_task(self._beat(send)),
                tasks.create_task(self._guard(send)),
                tasks.create_task(_left(receive)),
                tasks.create_task(self._watches.stopping()),
                tasks.create_task(_elapsed(self._seconds)),
            ]
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for each in running:
                each.cancel()

    async def _tell(self, send: Send) -> None:
        opened = self._opened
        await self._send(send, opened.initial)
        async with aclosing(opened.steps) as steps:
            try:
                async for step in steps:
                    if not is_repeat(step, opened.start):
                        await self._send(send, opened.feed.step(step))
                    self._at = max(self._at, step.revision)
            except CompactedError:
                await self._send(send, [expired(self._at, ADVICE)])

    async def _beat(self, send: Send) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self._send(send, [self._opened.feed.bookmark(self._at)])

    async def _guard(self, send: Send) -> None:
        """Say so when the right to this is gone: nothing is told after that."""
        error = await self._watches.denied(self._opened.right)
        self._over = True
        body = self._spelled([denied(self._at, error)])
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _send(self, send: Send, events: Iterable[Event]) -> None:
        """Send all ``events`` in one piece: they belong to one revision."""
        body = self._spelled(events)
        if body and not self._over:
            part = {"type": "http.response.body", "body": body, "more_body": True}
            await send(part)

    def _spelled(self, events: Iterable[Event]) -> bytes:
        return b"".join(
            each.as_sse() if self._streamed else each.as_line() for each in events
        )


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _elapsed(seconds: int) -> None:
    await asyncio.sleep(seconds)


def _number(text: str, name: str) -> int:
    """Return a query's number, 0 where it is absent."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - fits int64
        raise InvalidQueryError(f"{name} is a number, not {text!r}")
    return int(text)
