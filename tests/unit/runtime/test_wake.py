"""One task that is woken over and over."""

from __future__ import annotations

import asyncio

import pytest

from meltemi.runtime.wake import Wake


async def waits(wake: Wake) -> None:
    async with asyncio.timeout(5):
        await wake.wait()


async def test_who_was_woken_before_it_waits_goes_on_at_once_and_once_only() -> None:
    wake = Wake()
    wake.set()
    wake.set()
    await waits(wake)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await wake.wait()


async def test_who_waits_goes_on_when_it_is_woken_and_once_only() -> None:
    wake = Wake()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(waits(wake))
        await asyncio.sleep(0)
        assert not waiting.done()
        wake.set()
        wake.set()
        await waiting
        again = tasks.create_task(waits(wake))
        await asyncio.sleep(0)
        assert not again.done()
        wake.set()


async def test_a_wait_that_was_given_up_does_not_take_the_next_away() -> None:
    wake = Wake()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await wake.wait()
    wake.set()
    await waits(wake)
