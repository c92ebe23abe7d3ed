"""Room for large messages that have begun to come, of all callers together.

A thousand proxies that come back at once each tell all they hold. What is not admitted
stays with its sender, by flow control, and costs nothing here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

ROOM: Final = 32 << 20
"""Bytes: eight of the largest requests, or some twenty that tell of 10,000 clusters."""
HOLD_SECONDS: Final = 5.0
"""For which a message has its place. One that takes longer, because it is sent byte by
byte, may go on, but keeps nobody else waiting."""


class Place:
    """Room for one message until it is left, or `HOLD_SECONDS` are over."""

    def __init__(self, intake: Intake, size: int) -> None:
        self._intake, self._size = intake, size
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HOLD_SECONDS, self.leave)

    def leave(self) -> None:
        """Give the room back; a second time changes nothing."""
        size, self._size = self._size, 0
        self._timer.cancel()
        self._intake.give_back(size)


@dataclass(slots=True)
class Intake:
    """Gives places in the order in which they are asked for.

    Attributes:
        largest: Bytes of a message that is taken at all.
        room: Bytes that are left.

    """

    largest: int
    room: int = ROOM
    _waiting: dict[asyncio.Future[None], int] = field(
        default_factory=dict["asyncio.Future[None]", int]
    )

    async def place(self, size: int) -> Place:
        """Return room for a message of ``size`` bytes as soon as there is."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = size
        self.give_back(0)
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting.pop(turn, None)
            self.give_back(0 if turn.cancelled() else size)
            raise
        return Place(self, size)

    def give_back(self, size: int) -> None:
        """Let those go on for whom there is room now."""
        self.room += size
        while self._waiting:
            turn, wanted = next(iter(self._waiting.items()))
            if wanted > self.room and not turn.cancelled():
                return
            del self._waiting[turn]
            if turn.cancelled():
                continue
            self.room -= wanted
            turn.set_result(None)
