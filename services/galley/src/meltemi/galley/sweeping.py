"""What is kept for a while and then for nothing: removed from the ledger by the hour.

::

    histories ──▶ longer than 20 versions? the object gone for 30 days? ──▶ removed
    tokens    ──▶ expired for a week? ───────────────────────────────────▶ removed

One Galley sweeps at a time: it holds a key that vanishes with it. What it missed the
next hour finds, so nothing of this depends on anybody's memory.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.config.ledger_keys import config_prefix
from meltemi.galley.history import histories_prefix, removed_at, superfluous
from meltemi.galley.tokens import expired_at, tokens_prefix
from meltemi.kernel.errors import MeshError
from meltemi.kernel.names import Revision
from meltemi.store.ports import ConflictError, Page, Write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import Entry, LedgerWriter

FIRST_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 3600.0
GONE_DAYS: Final = 30
"""Days for which a removed object can be had back."""
MOST_GONE: Final = 10_000
"""Removed objects that can be had back, whenever they were removed."""
EXPIRED_DAYS: Final = 7
"""Days for which an expired token is still listed, so that its end explains itself."""
A_PAGE: Final = 1000
A_COMMIT: Final = 128
TURN_SECONDS: Final = 30

log = structlog.get_logger("meltemi.galley")


@dataclass(frozen=True, slots=True)
class _History:
    """The versions of one object, oldest first: only their keys are read."""

    place: str
    """Of the object: ``PLURAL.GROUP/NAMESPACE/NAME``."""
    entries: tuple[Entry, ...]

    @property
    def keys(self) -> list[str]:
        return [each.key for each in self.entries]


class Sweeping:
    """Keeps the ledger from growing with what nobody asks for any more."""

    def __init__(self, ledger: LedgerWriter, mesh: str, clock: Clock) -> None:
        self._ledger, self._mesh, self._clock = ledger, mesh, clock

    async def run(self) -> None:
        """Sweep every hour until cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.sweep()
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> None:
        """Remove what is due, unless somebody is at it; what fails stays due."""
        turn = f"/mesh/runtime/v1/{self._mesh}/sweeping"
        try:
            async with self._ledger.lease(TURN_SECONDS) as lease:
                await self._ledger.commit([Write(turn, b"", Revision(0), lease.id)])
                removed = await self._histories() + await self._tokens()
        except ConflictError:
            return  # another Galley has the turn
        except MeshError as error:
            log.warning("ledger.not-swept", error=str(error))
            return
        if removed:
            log.info("ledger.swept", entries=removed)

    async def _histories(self) -> int:
        prefix = config_prefix(self._mesh)
        there = await self._ledger.list(prefix, keys_only=True)
        live = {entry.key.removeprefix(prefix) for entry in there.entries}
        gone: list[_History] = []
        removed = 0
        async for history in self._each_history():
            removed += await self._remove(superfluous(history.keys))
            if history.place not in live:
                gone.append(history)
        gone.sort(key=lambda each: each.entries[-1].revision, reverse=True)
        for rank, history in enumerate(gone):
            if rank >= MOST_GONE or await self._is_long_gone(history):
                removed += await self._remove(history.keys)
        return removed

    async def _each_history(self) -> AsyncIterator[_History]:
        """Yield every object's history; one may lie on several pages."""
        prefix, after = histories_prefix(self._mesh), ""
        waiting: list[Entry] = []
        left = 1
        while left:
            page = Page(A_PAGE, after)
            listing = await self._ledger.list(prefix, keys_only=True, page=page)
            waiting += listing.entries
            left = listing.remaining
            after = waiting[-1].key if waiting else ""
            groups = [list(group) for _, group in groupby(waiting, key=_place)]
            waiting = groups.pop() if left and groups else []
            for group in groups:
                yield _History(_place(group[0]).removeprefix(prefix), tuple(group))

    async def _is_long_gone(self, history: _History) -> bool:
        last = await self._ledger.get(history.keys[-1])
        when = None if last is None else removed_at(last.value)
        return when is not None and self._is_past(when, GONE_DAYS)

    async def _tokens(self) -> int:
        listing = await self._ledger.list(tokens_prefix(self._mesh))
        due = [
            each
            for each in listing.entries
            if self._is_past(expired_at(each.value), EXPIRED_DAYS)
        ]
        return await self._commit(Write(e.key, None, e.revision) for e in due)

    async def _remove(self, keys: Sequence[str]) -> int:
        return await self._commit(Write(key, None) for key in keys)

    async def _commit(self, writes: Iterable[Write]) -> int:
        due = list(writes)
        for start in range(0, len(due), A_COMMIT):
            await self._ledger.commit(due[start : start + A_COMMIT])
        return len(due)

    def _is_past(self, time: str, days: int) -> bool:
        """Tell whether ``time`` (RFC 3339) is ``days`` ago; what is no time is not."""
        try:
            then = datetime.fromisoformat(time)
        except ValueError:
            return False
        return then + timedelta(days=days) <= self._clock.now()


def _place(entry: Entry) -> str:
    return entry.key.rpartition("/")[0]
