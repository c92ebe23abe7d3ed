"""The newest value, and who is told of it."""

from __future__ import annotations

import asyncio

import pytest

from meltemi.pilot.latest import Latest
from meltemi.runtime.wake import Wake


async def test_who_asks_to_be_woken_is_woken_at_each_value_until_it_leaves() -> None:
    cell, wake = Latest(0), Wake()
    with cell.waking(wake):
        for value in (1, 2):
            cell.set(value)
            async with asyncio.timeout(5):
                await wake.wait()
    cell.set(3)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await wake.wait()


async def test_who_waits_for_a_newer_value_misses_none_that_is_newest() -> None:
    cell = Latest(0)
    seen = cell.generation
    cell.set(1)
    cell.set(2)
    async with asyncio.timeout(5):
        assert await cell.newer(seen) == cell.generation
    assert cell.value == 2
