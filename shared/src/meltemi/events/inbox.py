"""A bounded mailbox: a slow reader loses the oldest, never the newest."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.events.message import Message

CAPACITY = 4096


class Inbox:
    """Messages of one subscription, between whoever brings them and its reader."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._waiting: deque[Message] = deque(maxlen=capacity)
        self._filled = asyncio.Event()
        self.dropped = 0

    def put(self, message: Message) -> None:
        """Add ``message``; when full, the oldest makes room for it."""
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(message)
        self._filled.set()

    async def take(self) -> Message:
        """Return the oldest message, waiting for one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popleft()
