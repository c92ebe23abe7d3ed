"""A client of HTTP/2 without a socket, for the server's state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hpack import Decoder, Encoder

from meltemi.http2.connection import Connection
from meltemi.http2.frame import (
    LARGEST,
    PREFACE,
    ConnectionEndedError,
    Flag,
    Kind,
    Reader,
    frame,
    settings,
)
from meltemi.http2.message import message_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.http2.frame import Code, Frame, Setting
    from meltemi.http2.stream import Event

MESSAGE_BYTES: Final = 4 << 20
LAST: Final = Flag.END_HEADERS
PATH: Final = "/package.Service/Method"


class Client:
    """It says frames to a connection, and reads what that has written."""

    def __init__(self, told: Mapping[Setting, int] | None = None) -> None:
        self.server = Connection(MESSAGE_BYTES)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.say(PREFACE + settings(dict(told or {})))

    def say(self, data: bytes, now: float = 0.0) -> list[Event]:
        """Return what the server makes of ``data``."""
        return list(self.server.receive(data, now))

    def block(self, **more: str) -> bytes:
        """Return the headers of a call, encoded."""
        fields = {":method": "POST", ":path": PATH, **more}
        return bytes(self.encoder.encode(fields.items()))

    def call(self, stream: int, **more: str) -> list[Event]:
        """Begin a call."""
        return self.say(frame(Kind.HEADERS, self.block(**more), LAST, stream))

    def message(self, stream: int, body: bytes, *, last: bool = False) -> list[Event]:
        """Send a message in as many frames as it needs."""
        flags = Flag.END_STREAM if last else Flag.NONE
        data = message_head(len(body)) + body
        return self.say(b"".join(cut(data, stream, flags)))

    def answers(self) -> list[Frame]:
        """Return what the server wrote since it was asked last."""
        out, self.server.out = b"".join(self.server.out), []
        return list(reader().frames(out))

    def trailers(self) -> dict[str, str]:
        """Return all header fields of what the server wrote."""
        return {
            name: value
            for each in self.answers()
            if each.kind == Kind.HEADERS
            for name, value in self.fields(each).items()
        }

    def fields(self, given: Frame) -> dict[str, str]:
        """Return the header fields of a frame."""
        found = self.decoder.decode(given.payload, raw=True)
        return {name.decode(): value.decode() for name, value, *_ in found}


def cut(data: bytes, stream: int, flags: Flag) -> Iterator[bytes]:
    """Yield DATA frames of ``data``; the last has ``flags``."""
    pieces = [data[n : n + LARGEST] for n in range(0, len(data), LARGEST)] or [b""]
    for number, each in enumerate(pieces, 1):
        last = number == len(pieces)
        yield frame(Kind.DATA, each, flags if last else 0, stream)


def reader() -> Reader:
    """Return what reads frames after the greeting, which servers do not send."""
    made = Reader()
    assert list(made.frames(PREFACE)) == []
    return made


def data_of(answers: Iterable[Frame]) -> bytes:
    """Return the data of ``answers``, joined."""
    return b"".join(each.payload for each in answers if each.kind == Kind.DATA)


def ended_by(client: Client, data: bytes) -> Code:
    """Return why the server ends the connection of who says ``data``."""
    with pytest.raises(ConnectionEndedError) as failure:
        client.say(data)
    return failure.value.reason
