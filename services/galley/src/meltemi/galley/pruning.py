"""Keeping histories short: away from the path of a write, and never in a hurry."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from meltemi.galley.history import history_prefix, superfluous
from meltemi.kernel.errors import MeshError
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from meltemi.kernel.names import Key
    from meltemi.store.ports import LedgerWriter

OFTEN = 10
"""Writes of one object after which its history is worth a look."""
MOST_NOTED = 100_000
PAUSE_SECONDS = 1.0
A_COMMIT = 128

log = structlog.get_logger("meltemi.galley")


class Pruning:
    """Removes versions beyond those that are kept, of objects often written."""

    def __init__(self, ledger: LedgerWriter, mesh: str) -> None:
        self._ledger, self._mesh = ledger, mesh
        self._written: Counter[Key] = Counter()
        self._due: dict[Key, None] = {}

    def note(self, key: Key) -> None:
        """Take note that a version of ``key`` was added to its history."""
        self._written[key] += 1
        if self._written[key] >= OFTEN:
            del self._written[key]
            self._due[key] = None
        if len(self._written) > MOST_NOTED:
            self._written.clear()

    async def run(self) -> None:
        """Prune what is due until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            await self.prune()

    async def prune(self) -> None:
        """Prune what is due now; what cannot be done stays due."""
        for key in list(self._due):
            try:
                await self._prune(key)
            except MeshError as error:
                log.warning("history.not-pruned", key=str(key), error=str(error))
                return
            del self._due[key]

    async def _prune(self, key: Key) -> None:
        listing = await self._ledger.list(
            history_prefix(self._mesh, key), keys_only=True
        )
        old = superfluous([entry.key for entry in listing.entries])
        for start in range(0, len(old), A_COMMIT):
            batch = old[start : start + A_COMMIT]
            await self._ledger.commit([Write(each, None) for each in batch])
