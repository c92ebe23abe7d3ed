"""The relay: whatever happens in the ledger is rung, and a beat says "I listen".

There is no publishing beside a write: this follows etcd's own log, so an acknowledged
write cannot go unannounced (reliability F-14). Every Galley has a relay; they need not
know of each other, because all of them tell the same. How far they told is in the
ledger, so that the next relay goes on there, if all of them died.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from meltemi.config.ledger_keys import config_prefix
from meltemi.events.change import Heartbeat
from meltemi.events.codec import MalformedEventError, encode_beat, encode_change
from meltemi.galley.changes import Chain
from meltemi.galley.mirror import Mirror
from meltemi.galley.rung import Rung
from meltemi.kernel.names import Revision
from meltemi.store.ports import CompactedError, LedgerUnavailableError

if TYPE_CHECKING:
    from meltemi.bus.ports import Publisher
    from meltemi.events.change import Change
    from meltemi.events.message import Message
    from meltemi.galley.metrics import Metrics
    from meltemi.store.ports import LedgerWriter, Listing

BEAT_SECONDS = 1.0
RETRY_SECONDS = 0.5
"""Pause before an absent ledger is asked again; the asking itself takes up to 2 s."""
KNOCKS, KNOCK_SECONDS = 100, 0.05
"""How often what was missed is tried on a bus that is not connected yet: 5 s."""

log = structlog.get_logger("meltemi.galley")


class Relay:
    """Rings changes of one mesh for as long as `run` runs.

    Args:
        ledger: What is followed.
        bus: What is rung; it may be away.
        mesh: The mesh's name.
        name: Signs the heartbeats.
        metrics: Counts what is rung.

    """

    def __init__(
        self,
        ledger: LedgerWriter,
        bus: Publisher,
        metrics: Metrics,
        *,
        mesh: str,
        name: str,
    ) -> None:
        self._ledger, self._bus, self._metrics = ledger, bus, metrics
        self._mesh, self._name = mesh, name
        self._prefix = config_prefix(mesh)
        self._chain, self._rung = Chain(), Rung(ledger, mesh)
        self._told, self._knocks = Revision(0), KNOCKS
        """Up to where everything was handed to the bus."""
        self._listed = Revision(0)
        """What is older than this the mirror has, and the bus is told of it anyway."""
        self.mirror = Mirror()
        """What was seen last: reads fall back on it."""
        self.following = False
        """Whether the ledger is being followed; only then there are heartbeats."""

    async def run(self) -> None:
        """Follow and beat until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._beat())

    async def _follow(self) -> None:
        start: Revision | None = None
        while True:
            try:
                if start is None:
                    start = await self._list()
                self.following = True
                async for step in self._ledger.watch(self._prefix, start):
                    if step.revision > self._listed:
                        self.mirror.step(step)
                    await self._ring(self._chain.step(step))
                    start = Revision(step.revision + 1)
            except CompactedError as error:
                log.warning("relay.history-lost", reason=str(error))
                self.following, start = False, None
            except LedgerUnavailableError as error:
                log.warning("relay.ledger-away", reason=str(error))
                self.following = False
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self) -> Revision:
        """Read everything; return where to watch from.

        The first time that is where the last relay stopped, or behind the newest entry
        if there was none. Later it means that history was lost: what differs from
        what was rung is rung now.
        """
        listing = await self._ledger.list(self._prefix)
        if self._chain.epoch is not None:
            self._take(listing)
            await self._ring(self._chain.catch_up(listing))
            return Revision(listing.revision + 1)
        rung = await self._rung.read(listing.epoch)
        self._take(listing)
        if rung is None or rung > listing.revision:
            start = self._chain.begin(listing)
            await self._rung.begin(listing.epoch, self._chain.head)
        else:
            start = self._chain.resume(listing, rung)
        self._told = self._chain.head
        return start

    def _take(self, listing: Listing) -> None:
        self.mirror.replace(listing)
        self._listed = listing.revision
        if self._metrics.trail:
            self._metrics.trail.epoch = listing.epoch

    async def _ring(self, changes: tuple[Change, ...]) -> None:
        trail = self._metrics.trail
        for each in changes:
            change, started = each, 0
            if trail:
                started = trail.now()
                change = replace(each, trace=str(trail.ringing(each)))
            try:
                message = encode_change(change)
            except MalformedEventError as error:
                log.warning("relay.foreign-key", error=str(error))
                continue
            sent = await self._bus.publish(message)
            if not sent and change.revision <= self._listed:
                sent = await self._knock(message)
            self._metrics.rung.labels("sent" if sent else "unheard").inc()
            if trail:
                trail.rung(change, started, heard=sent)
        self._told = self._chain.head

    async def _knock(self, message: Message) -> bool:
        """Wait for a bus that is only being connected to: nobody else tells this."""
        while self._knocks:
            self._knocks -= 1
            await asyncio.sleep(KNOCK_SECONDS)
            if await self._bus.publish(message):
                return True
        return False

    async def _beat(self) -> None:
        while True:
            epoch = self._chain.epoch
            if epoch is not None and self.following:
                beat = Heartbeat(epoch, self._chain.head, self._name)
                await self._bus.publish(encode_beat(self._mesh, beat))
                await self._rung.keep(epoch, self._told)
            await asyncio.sleep(BEAT_SECONDS)
