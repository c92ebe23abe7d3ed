"""One call on a connection, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.http2.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.http2.message import Messages

WINDOW: Final = 1 << 16
"""Bytes of one stream that a client may send before they are read. A message that does
not fit is sent as far as that until it is admitted."""


class Opened(NamedTuple):
    """A client calls; ``headers`` are those of the call."""

    stream: int
    headers: Mapping[str, str]


class Begun(NamedTuple):
    """A message of ``size`` bytes has begun that does not fit in `WINDOW`."""

    stream: int
    size: int


class Received(NamedTuple):
    """A message came."""

    stream: int
    message: bytes


class Finished(NamedTuple):
    """The client sends nothing more."""

    stream: int


class Reset(NamedTuple):
    """The client takes no interest in its call any more."""

    stream: int


class Drained(NamedTuple):
    """All that waited to be sent on a stream has been handed on."""

    stream: int


Event = Opened | Begun | Received | Finished | Reset | Drained


@dataclass(slots=True)
class Stream:
    """The state of one call.

    Attributes:
        window: Bytes of ours that the client takes now; its settings can make it
            negative.
        messages: What puts the client's messages together.
        sending: What waits to be sent.
        inward: Bytes that the client may still send.
        unread: Bytes of messages that nobody has read.
        admitted: Bytes of the message that it may send beside `WINDOW`.
        answered: Whether headers were sent.
        finished: Whether the client has sent all.
        trailers: What ends it as soon as all is sent.

    """

    window: int
    messages: Messages
    sending: Sending = field(default_factory=Sending)
    inward: int = WINDOW
    unread: int = 0
    admitted: int = 0
    answered: bool = False
    finished: bool = False
    trailers: bytes | None = None

    @property
    def credit(self) -> int:
        """Bytes more that the client is to be let send now; 0: it can go on so."""
        room = WINDOW + self.admitted - self.unread - self.messages.held
        more, missing = room - self.inward, self.messages.begun - self.messages.held
        return more if self.inward < missing or more >= WINDOW // 2 else 0
