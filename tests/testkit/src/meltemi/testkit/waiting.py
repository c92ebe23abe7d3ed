"""Waiting for what has no event of its own, with a deadline instead of a sleep."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.01


async def until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Return once ``condition`` holds.

    Raises:
        TimeoutError: If it does not within ``seconds``.

    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is asked has no event
            await asyncio.sleep(POLL_SECONDS)


async def eventually(
    condition: Callable[[], Awaitable[bool]],
    *,
    seconds: float = 20.0,
    every: float = POLL_SECONDS,
) -> None:
    """Like `until`, for a condition that has to be asked of somebody, so often."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - likewise
            await asyncio.sleep(every)
