"""Following configuration from outside: what is there, then everything after it.

::

    listing at R ──▶ Update … │ doorbell ──▶ GapDetector ──▶ Update …
                              │   gap, silence, large object ──▶ listing, differences

Every change arrives exactly once in effect: what the doorbell repeats is dropped,
what it loses is listed. Of several writes of one object between two listings the last
one is told.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from meltemi.events.change import Operation
from meltemi.events.codec import (
    MalformedEventError,
    beats_subject,
    changes_subject,
    decode_beat,
    decode_change,
)
from meltemi.events.gap import Apply, GapDetector, Resync
from meltemi.events.inbox import Inbox
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    from meltemi.events.message import Message
    from meltemi.events.ports import Subscriber
    from meltemi.kernel.names import Epoch

QUIET_SECONDS = 5.0
"""Without a heartbeat for so long the doorbell is not trusted: list instead."""
RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Present:
    """What is there: ledger key to revision and stored object.

    Everything up to ``revision`` is in it; of what came later, anything may be.
    """

    epoch: Epoch
    revision: Revision
    objects: Mapping[str, tuple[Revision, bytes]]


class Lister(Protocol):
    """Asks for everything that is there, over REST or in the ledger itself."""

    async def __call__(self) -> Present:
        """Return it; a `MeshError` of a peer means "try again"."""
        ...


@dataclass(frozen=True, slots=True)
class Update:
    """An object is now so, or gone (None)."""

    ledger_key: str
    revision: Revision
    value: bytes | None


@asynccontextmanager
async def subscribe(
    bus: Subscriber, present: Lister, *, mesh: str = "default"
) -> AsyncIterator[AsyncGenerator[Update]]:
    """Follow a mesh while the context lasts: what is there, then all that comes.

    ::

        async with subscribe(NatsBus(url), listing) as updates:
            async for update in updates: ...

    Args:
        bus: Where changes are rung; it may be away.
        present: Asks for everything that is there (`RestListing`).
        mesh: The mesh's name.

    Yields:
        Updates without an end. Taking one raises a `MeshError` if a listing fails for
        another reason than an absent peer.

    """
    async with _Subscription(bus, mesh, present) as subscription:
        yield subscription.updates()


class _Subscription:
    """Follows one mesh while its context lasts."""

    def __init__(self, bus: Subscriber, mesh: str, present: Lister) -> None:
        self._bus, self._mesh, self._present = bus, mesh, present
        self._inbox = Inbox()
        self._detector = GapDetector()
        self._known: dict[str, Revision] = {}
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        subjects = (changes_subject(self._mesh), beats_subject(self._mesh))
        self._listening = [
            self._tasks.create_task(self._listen(subject)) for subject in subjects
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self._listening:
            each.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def updates(self) -> AsyncGenerator[Update]:
        """Yield what is there, then every change after it, without an end.

        Raises:
            MeshError: If a listing fails for another reason than an absent peer.

        """
        for update in await self._listed():
            yield update
        while True:
            for update in await self._heard():
                yield update

    async def _listen(self, subject: str) -> None:
        async for message in self._bus.subscribe(subject):
            self._inbox.put(message)

    async def _heard(self) -> tuple[Update, ...]:
        """Wait for a message; return what is new by it."""
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                message = await self._inbox.take()
        except TimeoutError:
            return await self._listed()
        try:
            applied = self._applied(message)
        except MalformedEventError:
            return ()  # not ours: it changes nothing
        return await self._listed() if applied is None else applied

    def _applied(self, message: Message) -> tuple[Update, ...] | None:
        """Return what ``message`` tells, or None where only a listing can tell."""
        if message.subject == beats_subject(self._mesh):
            beaten = self._detector.beat(decode_beat(message))
            return None if isinstance(beaten, Resync) else ()
        verdict = self._detector.change(decode_change(message))
        if isinstance(verdict, Resync):
            return None
        if not isinstance(verdict, Apply):
            return ()
        for change in verdict.changes:
            if change.value is None and change.operation is not Operation.DELETED:
                return None  # too large for the doorbell
        told = (
            Update(each.ledger_key, each.revision, each.value)
            for each in verdict.changes
        )
        return tuple(each for each in told if self._is_new(each))

    def _is_new(self, update: Update) -> bool:
        if update.revision <= self._known.get(update.ledger_key, 0):
            return False
        if update.value is None:
            return self._known.pop(update.ledger_key, None) is not None
        self._known[update.ledger_key] = update.revision
        return True

    async def _listed(self) -> tuple[Update, ...]:
        """List until somebody answers; return what differs from what is known."""
        while True:
            try:
                present = await self._present()
            except MeshError as error:
                if error.blame is not Blame.PEER:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
                continue
            same = self._detector.epoch in (None, present.epoch)
            if not self._detector.listed(present.epoch, present.revision):
                return ()  # a member that lags: nobody is rolled back
            return tuple(self._differences(present, same=same))

    def _differences(self, present: Present, *, same: bool) -> Iterator[Update]:
        known = self._known if same else dict.fromkeys(self._known, Revision(-1))
        for key in known.keys() - present.objects.keys():
            yield Update(key, present.revision, None)
        for key, (revision, value) in sorted(present.objects.items()):
            if revision > known.get(key, Revision(-1)):
                yield Update(key, revision, value)
        self._known = {key: each[0] for key, each in present.objects.items()}
