"""A cell that holds the newest value: readers may miss values, never the last one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.runtime.wake import Wake

T = TypeVar("T")


class Latest(Generic[T]):
    """The newest value of something, and a way to wait for a newer one.

    Unlike a queue it costs the same however slow its readers are.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._generation = 0
        self._changed = asyncio.Event()
        self._wakes: dict[Wake, None] = {}

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
        for each in self._wakes:
            each.set()

    @contextlib.contextmanager
    def waking(self, wake: Wake) -> Iterator[None]:
        """Set ``wake`` whenever the value is set, while the context lasts."""
        self._wakes[wake] = None
        try:
            yield
        finally:
            del self._wakes[wake]

    async def newer(self, generation: int) -> int:
        """Wait until the value was set after ``generation``; return which it is now."""
        while self._generation <= generation:
            await self._changed.wait()
        return self._generation
