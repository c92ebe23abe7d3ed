"""What the mesh asks of its doorbell. It may lose, repeat and reorder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


@dataclass(frozen=True, slots=True)
class Message:
    """One ring of the bell."""

    subject: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


class Publisher(Protocol):
    """Sends, and does not promise arrival."""

    async def publish(self, message: Message) -> bool:
        """Hand over ``message``; return False when the bus is not connected.

        Never raises for a bus that is away and never waits for one.
        """
        ...


class Subscriber(Protocol):
    """Receives what happens to arrive."""

    def subscribe(self, subject: str) -> AsyncIterator[Message]:
        """Yield messages on ``subject`` (NATS wildcards), across reconnects.

        Starts listening when first asked for a message; a slow reader loses the
        oldest. Does not end and does not raise while the bus is away.
        """
        ...
