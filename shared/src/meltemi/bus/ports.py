"""What the mesh asks of its doorbell. It may lose, repeat and reorder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meltemi.events.message import Message

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Message", "Publisher", "Subscriber"]


class Publisher(Protocol):
    """Sends, and does not promise arrival."""

    async def publish(self, message: Message) -> bool:
        """Hand over ``message``; return False when the bus is not connected.

        Never raises for a bus that is away and never waits for one.
        """
        ...


class Subscriber(Protocol):
    """Receives what happens to arrive."""

    def subscribe(self, subject: str) -> AsyncGenerator[Message]:
        """Yield messages on ``subject`` (NATS wildcards), across reconnects.

        Starts listening when first asked for a message; a slow reader loses the
        oldest. Does not end and does not raise while the bus is away.
        """
        ...
