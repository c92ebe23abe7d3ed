"""A doorbell in memory: it can be cut, and it can misbehave as NATS may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.events.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meltemi.bus.ports import Message


class MemoryBus:
    """A `Publisher` and `Subscriber`; ``connected`` may be set from outside."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[Message] = []
        """Everything ever handed over while connected, for assertions."""
        self._inboxes: dict[Inbox, str] = {}

    @property
    def listeners(self) -> int:
        """How many subscriptions are being read."""
        return len(self._inboxes)

    async def publish(self, message: Message) -> bool:
        """Deliver ``message`` to whoever listens now."""
        if not self.connected:
            return False
        self.published.append(message)
        for inbox, subject in self._inboxes.items():
            if matches(subject, message.subject):
                inbox.put(message)
        return True

    async def subscribe(self, subject: str) -> AsyncGenerator[Message]:
        """Yield messages on ``subject`` from the first time one is asked for."""
        inbox = Inbox()
        self._inboxes[inbox] = subject
        try:
            while True:
                yield await inbox.take()
        finally:
            del self._inboxes[inbox]


def matches(pattern: str, subject: str) -> bool:
    """Tell whether ``subject`` matches ``pattern``: ``*`` is one token, ``>`` the rest.

    Source:
        NATS, "Subject-Based Messaging", wildcards.

    """
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        del wanted[-1]
        if len(found) <= len(wanted):
            return False
        del found[len(wanted) :]
    return len(wanted) == len(found) and all(
        want in ("*", token) for want, token in zip(wanted, found, strict=True)
    )
