from __future__ import annotations

import asyncio

import pytest

from meltemi.runtime.containment import Failed, Made, contained, contained_wait


def test_a_result_comes_back_as_made() -> None:
    assert contained(lambda: 7) == Made(7)


def test_a_failure_comes_back_instead_of_spreading() -> None:
    result = contained(lambda: int("seven"))
    assert isinstance(result, Failed)
    assert isinstance(result.error, ValueError)


async def test_what_is_awaited_is_contained_but_for_being_cancelled() -> None:
    async def failing() -> int:
        return int("seven")

    async def cancelled() -> int:
        raise asyncio.CancelledError

    assert isinstance(await contained_wait(failing()), Failed)
    assert await contained_wait(asyncio.sleep(0, 7)) == Made(7)
    with pytest.raises(asyncio.CancelledError):
        await contained_wait(cancelled())
