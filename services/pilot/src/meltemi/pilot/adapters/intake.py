"""Room for large messages that have begun to come, of all callers together.

A thousand proxies that come back at once each tell all they hold. What is not admitted
stays with its sender, by flow control, and costs nothing here.

::

    ask ──▶ turn, one for each caller ──▶ place ──▶ leave
                                            └── after HOLD_SECONDS: others go on
                                            └── after LONGEST_SECONDS: too late
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

ROOM: Final = 32 << 20
"""Bytes: seven of the largest requests, or some twenty that tell of 10,000 clusters."""
HOLD_SECONDS: Final = 5.0
"""For which a message has its place. One that takes longer, because it is sent byte by
byte, goes on beside the others,"""
LONGEST_SECONDS: Final = 30.0
"""and in which it has to be here."""


class Sender(Protocol):
    """Who sends a large message."""

    def admitted(self) -> None:
        """Take note that all of it may be sent."""
        ...

    def late(self) -> None:
        """Take note that it took too long."""
        ...


class Place:
    """Room for one message, or a turn that it waits for, until it is left."""

    def __init__(
        self, intake: Intake, caller: Hashable, size: int, sender: Sender
    ) -> None:
        self.caller, self.size = caller, size
        self._intake, self._sender = intake, sender
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Let the sender go on: its turn has come."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HOLD_SECONDS, self._lapse)
        self._sender.admitted()

    def leave(self) -> None:
        """Give back the room, or the turn; a second time changes nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._intake.leave(self)

    def _lapse(self) -> None:
        """Let others go on."""
        loop, left = asyncio.get_running_loop(), LONGEST_SECONDS - HOLD_SECONDS
        self._timer = loop.call_later(left, self._sender.late)
        self._intake.leave(self)


@dataclass(slots=True)
class Intake:
    """Gives places by turns: one at a time to each caller, whoever has many messages.

    Attributes:
        largest: Bytes of a message that is taken at all.
        room: Bytes that are left.

    """

    largest: int
    room: int = ROOM
    _ready: dict[Hashable, deque[Place]] = field(
        default_factory=dict["Hashable", deque[Place]]
    )
    """Who has no place: what waits, by whose turn it is."""
    _having: dict[Hashable, tuple[Place, deque[Place]]] = field(
        default_factory=dict["Hashable", tuple[Place, deque[Place]]]
    )
    """Who has one: that, and what waits."""

    def ask(self, caller: Hashable, size: int, sender: Sender) -> Place:
        """Have ``sender`` admitted, now or later, with ``size`` bytes of ``caller``."""
        place = Place(self, caller, min(size, ROOM), sender)
        if caller in self._having:
            self._having[caller][1].append(place)
        else:
            self._ready.setdefault(caller, deque()).append(place)
            self._go_on()
        return place

    def leave(self, place: Place) -> None:
        """Let others go on where ``place`` was."""
        having, waiting = self._having.get(place.caller, (None, deque[Place]()))
        if having is place:
            self.room += place.size
            del self._having[place.caller]
            if waiting:
                self._ready[place.caller] = waiting
        else:
            self._withdraw(place, waiting)
        self._go_on()

    def _withdraw(self, place: Place, waiting: deque[Place]) -> None:
        ready = self._ready.get(place.caller, waiting)
        if place in ready:
            ready.remove(place)
        if not ready:
            self._ready.pop(place.caller, None)

    def _go_on(self) -> None:
        while self._ready:
            caller, waiting = next(iter(self._ready.items()))
            if waiting[0].size > self.room:
                return
            place = waiting.popleft()
            del self._ready[caller]
            self._having[caller] = place, waiting
            self.room -= place.size
            place.begin()
