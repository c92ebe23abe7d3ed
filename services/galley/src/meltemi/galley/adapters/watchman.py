"""Removes the entries of workloads that died without a word.

Every Galley does: a removal that another was faster with is none. It acts in the name
of the workload, so it can remove what the workload could, and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.galley.absence import GONE_SECONDS, Absence
from meltemi.galley.adapters.asking import timestamp
from meltemi.galley.admit import Preconditions, Stamp
from meltemi.galley.audit import Record
from meltemi.galley.intent import Asked, Removal
from meltemi.galley.objects import Order
from meltemi.galley.permission import Workload
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from meltemi.galley.absence import Keeping, Kept
    from meltemi.galley.adapters.galley import Galley

EVERY_SECONDS: Final = 0.5
ACTOR: Final = "absence"
REASON: Final = f"its agent was connected to no Pilot for {GONE_SECONDS:.0f} s or more"

log = structlog.get_logger("meltemi.galley")


class Watchman:
    """Looks who is there, twice a second."""

    def __init__(self, galley: Galley, kept: Kept) -> None:
        self._galley, self._kept = galley, kept
        self._absence = Absence()
        self._why = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Remove the entries of those who are gone now."""
        if not self._kept.entries:
            return
        presence = await self._galley.pilots.presence()
        if presence is None:
            self._absence.unseen()
            return
        now = self._galley.clock.monotonic()
        for name in self._absence.look(self._kept.entries, presence, now=now):
            keeping = self._kept.entries[name]
            try:
                await self._remove(keeping)
                self._why = ""
            except MeshError as error:
                if str(error) != self._why:
                    log.warning("workload.not-removed", key=name, error=str(error))
                self._why = str(error)

    async def _remove(self, keeping: Keeping) -> None:
        key = keeping.key
        held, stale = await self._galley.reads.get(key)
        if held is None or stale:
            return
        now = timestamp(self._galley.clock.now())
        stamp = Stamp(ACTOR, now, self._galley.new_uid(), REASON)
        asked = Asked(Workload(keeping.by), stamp, Preconditions("", held.etag, None))
        (outcome,) = await self._galley.objects.perform([Order(Removal(key), asked)])
        log.info("workload.gone", key=str(key), revision=outcome.held.revision)
        self._galley.audit.note(
            Record(
                time=now,
                actor=ACTOR,
                address="",
                verb="delete",
                target=str(key),
                outcome=outcome.word,
                allowed=True,
                revision=str(outcome.held.revision),
                reason=REASON,
            )
        )
