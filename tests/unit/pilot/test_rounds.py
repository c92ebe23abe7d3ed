from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from meltemi.pilot.rounds import Rounds
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pytest

LONG_SECONDS = 0.02
CHANGES = 200
HOUR_SECONDS = 3600.0
PATIENCE_SECONDS = 30.0


def busy() -> None:
    """Keep the loop as long as telling many proxies does."""
    end = time.perf_counter() + LONG_SECONDS
    while time.perf_counter() < end:
        pass


@contextlib.asynccontextmanager
async def rounds(tell: Callable[[], None]) -> AsyncIterator[Rounds]:
    made = Rounds(tell)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.run())
        await asyncio.sleep(0)
        yield made
        running.cancel()


async def test_a_change_is_told_of_at_once() -> None:
    told: list[str] = []
    async with rounds(lambda: told.append("told")) as made:
        made.due()
        await asyncio.sleep(0)
        assert told == ["told"]


async def test_what_comes_while_proxies_are_told_is_told_together() -> None:
    known, told = [0], list[int]()

    def tell() -> None:
        told.append(known[0])
        busy()

    async with rounds(tell) as made:
        for number in range(CHANGES):
            known[0] = number
            made.due()
            await asyncio.sleep(0)
        await until(lambda: told[-1] == CHANGES - 1)
    assert len(told) < CHANGES / 10


async def test_a_round_that_took_long_does_not_keep_the_next_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, late, told = asyncio.get_running_loop(), [0.0], list[float]()
    clock, twice = loop.time, asyncio.Event()
    monkeypatch.setattr(loop, "time", lambda: clock() + late[0])

    def tell() -> None:
        told.append(late[0])
        late[0] = HOUR_SECONDS  # as if telling had taken that
        if len(told) == 2:
            twice.set()

    async with rounds(tell) as made:
        made.due()
        await asyncio.sleep(0)
        made.due()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await twice.wait()
    assert told == [0.0, HOUR_SECONDS]
