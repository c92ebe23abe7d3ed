"""What a subscriber asks of whoever rings. It may lose, repeat and reorder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meltemi.events.message import Message


class Subscriber(Protocol):
    """Receives what happens to arrive."""

    def subscribe(self, subject: str) -> AsyncGenerator[Message]:
        """Yield messages on ``subject`` (NATS wildcards), across reconnects.

        Starts listening when first asked for a message; a slow reader loses the
        oldest. Does not end and does not raise while the bus is away.
        """
        ...
