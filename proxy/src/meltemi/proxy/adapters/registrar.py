"""Tells Galley that the workload is here, still is, and that it goes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from meltemi.kernel.backoff import Backoff
from meltemi.proxy.adapters.galley_door import RegistrationError
from meltemi.proxy.entry import entry_body, entry_path, health_patch

if TYPE_CHECKING:
    from random import Random

    from meltemi.proxy.adapters.galley_door import GalleyDoor
    from meltemi.proxy.settings import AgentSettings

LEAVE_SECONDS = 2.0
AGAIN = Backoff(first=0.5, ceiling=10.0)
THERE = 412
GONE = 404
CREATED = 201
MERGE = "application/merge-patch+json"
FIRST_FINDING_SECONDS = 5.0
"""How long a workload stays unregistered for want of knowing if it is well."""

SETTLED_SECONDS = 2.0
"""After how long a new stream counts: whoever took us for gone has acted by then."""

EVERY_SECONDS = 30.0
"""How long an entry that somebody deleted stays away, at most a fifth more."""
SPREAD = 0.2
"""The part of the interval that is drawn: agents do not all come at once."""

log = structlog.get_logger()


class Registrar:
    """Keeps one WorkloadEntry, with the workload's own certificate as proof."""

    def __init__(
        self,
        settings: AgentSettings,
        door: GalleyDoor,
        rng: Random,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._settings, self._door = settings, door
        self._rng, self._every = rng, every
        self._wanted = bool(
            settings.galley_url and (settings.entry_ports or settings.group)
        )
        self._why: str | None = "not registered with Galley yet"
        self._entered = self._left = False
        self._turn = asyncio.Lock()
        self._again, self._news = asyncio.Event(), asyncio.Event()
        self._well: bool | None = None
        self._told: bool | None = None
        self._found = asyncio.Event()
        self._found.set()

    def await_finding(self) -> None:
        """Say nothing of the workload before `report`, for a while."""
        self._found.clear()

    def report(self, *, well: bool | None) -> None:
        """Have others told at once whether the workload may be called; None: always."""
        self._well = well
        self._found.set()
        if self._told != well:
            self._news.set()
            self._again.set()

    def trouble(self) -> str | None:
        """Return why the mesh does not know of the workload, or None."""
        return self._why if self._wanted else None

    async def keep(self) -> None:
        """Register, and say so again every ``every`` seconds, until `leave`.

        An entry that somebody deleted is back then; one that somebody changed stays
        as they want it. Nothing to do for a gateway.
        """
        if not self._wanted:
            return
        await self._door.proven()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_FINDING_SECONDS):
                await self._found.wait()
        self._again.clear()
        self._news.clear()
        failures = 0
        while not self._left:
            async with self._turn:
                if not self._left:
                    await self._assert()
            failures = failures + 1 if self._why else 0
            await self._rest(self._pause(failures))

    def reconnected(self) -> None:
        """Say soon that the workload is here: it may have been taken for gone."""
        self._again.set()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._again.wait()
        except TimeoutError:
            return
        self._again.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_SECONDS):
                await self._news.wait()
        self._news.clear()

    def _pause(self, failures: int) -> float:
        if failures:
            return AGAIN.delay(failures - 1, self._rng)
        return self._every * (1 + self._rng.uniform(-SPREAD, SPREAD))

    async def _assert(self) -> None:
        path, well = entry_path(self._settings), self._well
        try:
            status = await self._put(path, well)
            if status == THERE and well != self._told:
                said = health_patch(well=well)
                await self._door.call("PATCH", path, said, {"content-type": MERGE})
                log.info("workload.health", well=well)
        except RegistrationError as error:
            if str(error) != self._why:
                log.warning("workload.not-registered", error=str(error))
            self._why = str(error)
            return
        if self._why or status == CREATED:
            log.info("workload.registered", path=path, again=self._entered, well=well)
        self._why, self._entered, self._told = None, True, well

    async def _put(self, path: str, well: bool | None) -> int:  # noqa: FBT001 - a third value
        """Register; return 412 where the entry was there, which then stays as it is."""
        body = entry_body(self._settings, well=well)
        if not self._entered:
            return (await self._door.call("PUT", path, body)).status_code
        only = {"if-none-match": "*"}
        return (await self._door.call("PUT", path, body, only, {THERE})).status_code

    async def leave(self) -> None:
        """Take the entry back, so that peers stop calling before we stop answering."""
        self._left = True
        try:
            # A registration under way ends first, or it would outlive the entry.
            async with asyncio.timeout(LEAVE_SECONDS), self._turn:
                if not self._entered:
                    return
                await self._door.call("DELETE", entry_path(self._settings), fine={GONE})
            log.info("workload.deregistered")
        except (RegistrationError, TimeoutError) as error:
            log.warning("workload.not-deregistered", error=str(error) or "timeout")
