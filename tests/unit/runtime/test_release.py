from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from meltemi.runtime.release import released


class Heavy:
    """Something a frame holds."""


async def circle(known: list[weakref.ref[Heavy]]) -> None:
    """Fail in a way that holds ``Heavy`` in a circle."""
    heavy = Heavy()
    known.append(weakref.ref(heavy))
    try:
        [].pop()
    except IndexError as error:
        heavy.why = error  # type: ignore[attr-defined]
        raise


async def test_what_the_frames_of_an_error_held_is_free() -> None:
    known: list[weakref.ref[Heavy]] = []
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(IndexError):
            await released(circle(known))
        assert known[0]() is None
    finally:
        gc.enable()


async def test_a_result_and_a_cancellation_pass() -> None:
    assert await released(asyncio.sleep(0, "done")) == "done"
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(released(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
