"""What the Pilots say of their proxies, asked for over HTTP."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

import httpx2
import msgspec
import structlog

from meltemi.galley.absence import Presence
from meltemi.galley.distribution import Fleet, ProxyRow, Refusal, merged
from meltemi.galley.reads import AWAY_SECONDS
from meltemi.stats.report import Report
from meltemi.store.ports import LedgerUnavailableError

if TYPE_CHECKING:
    from meltemi.kernel.clock import Clock
    from meltemi.stats.report import Counted
    from meltemi.store.ports import LedgerReader

TIMEOUT_SECONDS = 1.0
"""A Pilot that does not answer within it counts with what it said last."""
MOST_PILOTS = 64
LAPSED = 300.0
"""Seconds for which a Pilot may still have proxies though it is not announced."""

R = TypeVar("R")

log = structlog.get_logger("meltemi.galley")


class _Announced(msgspec.Struct, frozen=True):
    """What a Pilot writes into the ledger while it lives."""

    name: str
    http: str


class Pilots:
    """All Pilots of a mesh, found in the ledger.

    ``secured``: they are asked over TLS, for which ``client`` has what it takes.
    """

    def __init__(
        self,
        ledger: LedgerReader,
        mesh: str,
        client: httpx2.AsyncClient,
        clock: Clock,
        *,
        secured: bool = False,
    ) -> None:
        self._ledger, self._client, self._clock = ledger, client, clock
        self._scheme = "https" if secured else "http"
        self._announced: tuple[bytes, ...] = ()
        self._said: dict[str, Fleet] = {}
        self._known: dict[str, tuple[_Announced, float]] = {}
        self._look_again = 0.0
        self._prefix = f"/mesh/runtime/v1/{mesh}/pilots/"

    async def fleet(self) -> Fleet:
        """Ask every Pilot at once.

        One that is dead is skipped: its proxies are elsewhere. One that is there and
        silent still has them, for all anybody knows.
        """
        await self._find()
        answers: list[Fleet] = []
        async with asyncio.TaskGroup() as tasks:
            for announced in self._announced:
                tasks.create_task(self._ask(announced, answers))
        rows = chain.from_iterable(each.proxies for each in answers)
        refusals = {each for answer in answers for each in answer.refusals}
        silent = {name for answer in answers for name in answer.silent}
        return Fleet(
            merged(rows), tuple(sorted(refusals, key=_place)), tuple(sorted(silent))
        )

    async def presence(self) -> Presence | None:
        """Return who is connected, and who left; None where that cannot be told.

        A Pilot that is dead has nobody. One that is silent may have anybody, and so
        may one that is no longer announced: it has lost the ledger, or has ended.
        """
        await self._find()
        now = self._clock.monotonic()
        for announced in self._announced:
            pilot = msgspec.json.decode(announced, type=_Announced)
            self._known[pilot.name] = (pilot, now)
        known = [each for each, seen in self._known.values() if now - seen < LAPSED]
        answers: list[Presence | None] = []
        async with asyncio.TaskGroup() as tasks:
            for pilot in known:
                tasks.create_task(self._ask_presence(pilot, answers))
        told = [each for each in answers if each is not None]
        if not told or len(told) < len(answers):
            return None
        connected = frozenset(chain.from_iterable(each.connected for each in told))
        left = frozenset(chain.from_iterable(each.left for each in told))
        return Presence(tuple(connected), tuple(left))

    async def counted(self, seconds: float) -> tuple[Counted, ...]:
        """Return what the proxies of all Pilots counted in the last ``seconds``.

        A Pilot that does not answer takes with it what its proxies told it.
        """
        await self._find()
        found: list[Counted] = []
        async with asyncio.TaskGroup() as tasks:
            for announced in self._announced:
                pilot = msgspec.json.decode(announced, type=_Announced)
                tasks.create_task(self._ask_counted(pilot, seconds, found))
        return tuple(found)

    async def _ask_counted(
        self, pilot: _Announced, seconds: float, found: list[Counted]
    ) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                report = await self._read(pilot, f"stats?seconds={seconds:g}", Report)
                found.extend(report.edges)
        except (TimeoutError, httpx2.HTTPError, msgspec.MsgspecError) as error:
            log.warning("pilot.uncounted", pilot=pilot.name, error=repr(error))

    async def _ask_presence(
        self, pilot: _Announced, answers: list[Presence | None]
    ) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answers.append(await self._read(pilot, "presence", Presence))
        except httpx2.ConnectError:
            self._known.pop(pilot.name, None)
        except (TimeoutError, httpx2.HTTPError, msgspec.MsgspecError):
            answers.append(None)

    async def _find(self) -> None:
        """Learn where the Pilots are; without the ledger, ask those known before."""
        if self._clock.monotonic() < self._look_again:
            return
        try:
            listing = await self._ledger.list(self._prefix)
        except LedgerUnavailableError:
            self._look_again = self._clock.monotonic() + AWAY_SECONDS
            return
        self._announced = tuple(entry.value for entry in listing.entries[:MOST_PILOTS])
        if len(self._said) > MOST_PILOTS:
            self._said.clear()

    async def _ask(self, announced: bytes, answers: list[Fleet]) -> None:
        try:
            pilot = msgspec.json.decode(announced, type=_Announced)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                rows = await self._read(pilot, "proxies", tuple[ProxyRow, ...])
                refused = await self._read(pilot, "refusals", tuple[Refusal, ...])
        except (TimeoutError, httpx2.TimeoutException):
            log.warning("pilot.silent", pilot=pilot.name, seconds=TIMEOUT_SECONDS)
            answers.append(self._said.get(pilot.name, Fleet(silent=(pilot.name,))))
        except (httpx2.HTTPError, msgspec.MsgspecError) as error:
            log.warning("pilot.dead", pilot=announced.decode(), error=repr(error))
        else:
            self._said[pilot.name] = Fleet(rows, refused)
            answers.append(self._said[pilot.name])

    async def _read(self, pilot: _Announced, view: str, kind: type[R]) -> R:
        answer = await self._client.get(f"{self._scheme}://{pilot.http}/api/v1/{view}")
        answer.raise_for_status()
        return msgspec.json.decode(answer.content, type=kind)


def _place(refusal: Refusal) -> tuple[str, str, str]:
    return refusal.object, refusal.proxy, refusal.resource
