"""Whoever keeps the event loop is noticed."""

from __future__ import annotations

import asyncio

from meltemi.runtime.loop_lag import watch_lag

KEPT_SECONDS = 0.05


async def test_the_loop_is_late_by_as_long_as_somebody_keeps_it() -> None:
    told: list[float] = []
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()

    def tell(seconds: float) -> None:
        told.append(seconds)
        seen.set()

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch_lag(tell, every=0.001))
        await seen.wait()
        seen.clear()
        until = loop.time() + KEPT_SECONDS
        while loop.time() < until:
            pass
        await seen.wait()
        task.cancel()
    assert max(told) > KEPT_SECONDS / 2
    assert min(told) >= 0.0
