"""What the mesh asks of its doorbell. It may lose, repeat and reorder."""

from __future__ import annotations

from typing import Protocol

from meltemi.events.message import Message
from meltemi.events.ports import Subscriber

__all__ = ["Message", "Publisher", "Subscriber"]


class Publisher(Protocol):
    """Sends, and does not promise arrival."""

    async def publish(self, message: Message) -> bool:
        """Hand over ``message``; return False when the bus is not connected.

        Never raises for a bus that is away and never waits for one.
        """
        ...
