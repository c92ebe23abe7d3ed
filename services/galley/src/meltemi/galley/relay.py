"""The relay: whatever happens in the ledger is rung, and a beat says "I listen".

There is no publishing beside a write: this follows etcd's own log, so an acknowledged
write cannot go unannounced (reliability F-14). Every Galley has a relay; they need not
know of each other, because all of them tell the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from meltemi.config.ledger_keys import config_prefix
from meltemi.events.change import Heartbeat
from meltemi.events.codec import MalformedEventError, encode_beat, encode_change
from meltemi.galley.changes import Chain
from meltemi.galley.mirror import Mirror
from meltemi.kernel.names import Revision
from meltemi.store.ports import CompactedError, LedgerUnavailableError

if TYPE_CHECKING:
    from meltemi.bus.ports import Publisher
    from meltemi.events.change import Change
    from meltemi.galley.metrics import Metrics
    from meltemi.store.ports import LedgerReader

BEAT_SECONDS = 1.0
RETRY_SECONDS = 0.5
"""Pause before an absent ledger is asked again; the asking itself takes up to 2 s."""

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
        ledger: LedgerReader,
        bus: Publisher,
        metrics: Metrics,
        *,
        mesh: str,
        name: str,
    ) -> None:
        self._ledger, self._bus, self._metrics = ledger, bus, metrics
        self._mesh, self._name = mesh, name
        self._prefix = config_prefix(mesh)
        self._chain = Chain()
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

        The first time that is behind the newest entry. Later it means that history
        was lost: what differs from what was rung is rung now.
        """
        listing = await self._ledger.list(self._prefix)
        self.mirror.replace(listing)
        if self._chain.epoch is None:
            return self._chain.begin(listing)
        await self._ring(self._chain.catch_up(listing))
        return Revision(listing.revision + 1)

    async def _ring(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            try:
                message = encode_change(change)
            except MalformedEventError as error:
                log.warning("relay.foreign-key", error=str(error))
                continue
            sent = await self._bus.publish(message)
            self._metrics.rung.labels("sent" if sent else "unheard").inc()

    async def _beat(self) -> None:
        while True:
            epoch = self._chain.epoch
            if epoch is not None and self.following:
                beat = Heartbeat(epoch, self._chain.head, self._name)
                await self._bus.publish(encode_beat(self._mesh, beat))
            await asyncio.sleep(BEAT_SECONDS)
