"""A cell that holds the newest value: readers may miss values, never the last one."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """The newest value of something, and a way to wait for a newer one.

    Unlike a queue it costs the same however slow its readers are.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._generation = 0
        self._changed = asyncio.Event()

    @property
    def value(self) -> T:
        """The newest value."""
        return self._value

    @property
    def generation(self) -> int:
        """How often the value was set."""
        return self._generation

    def set(self, value: T) -> None:
        """Replace the value and wake everybody who waits."""
        self._value = value
        self._generation += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def newer(self, generation: int) -> int:
        """Wait until the value was set after ``generation``; return which it is now."""
        while self._generation <= generation:
            await self._changed.wait()
        return self._generation
