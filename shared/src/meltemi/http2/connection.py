"""One connection of HTTP/2 as the server sees it: a state machine without I/O.

```
bytes ─▶ Reader ─▶ receive ─▶ events            answer · send · end ─▶ out: pieces
```

What is to be written collects in ``out``; whoever owns the socket takes it. It reads
no clock: the time is told.

Source: RFC 9113, and for what a server must bear CVE-2019-9511 to 9518, CVE-2023-44487
and CVE-2024-27316.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from meltemi.http2.frame import (
    LARGEST_WINDOW,
    Code,
    ConnectionEndedError,
    Flag,
    Frame,
    Kind,
    Reader,
    Setting,
    frame,
    settings,
    unpadded,
)
from meltemi.http2.header import ACCEPTED, LARGEST_BLOCK, Headers, ended
from meltemi.http2.message import (
    HEAD_BYTES,
    Messages,
    UnreadableMessageError,
    message_head,
)
from meltemi.http2.settings import Peer
from meltemi.http2.stream import (
    WINDOW,
    Begun,
    Drained,
    Event,
    Finished,
    Opened,
    Received,
    Reset,
    Stream,
)
from meltemi.http2.toll import Toll

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.http2.sending import Piece

STREAMS: Final = 100
CONNECTION_WINDOW: Final = 16 << 20
USUAL_WINDOW: Final = (1 << 16) - 1
"""What either side may send before it is told more (RFC 9113 §6.9.2)."""


class Connection:
    """A client's connection, its calls, and what is still to be written to it."""

    def __init__(self, largest_message: int) -> None:
        self.out: list[Piece] = [
            settings(
                {
                    Setting.MAX_CONCURRENT_STREAMS: STREAMS,
                    Setting.INITIAL_WINDOW_SIZE: WINDOW,
                    Setting.MAX_HEADER_LIST_SIZE: LARGEST_BLOCK,
                }
            ),
            _credit(0, CONNECTION_WINDOW - USUAL_WINDOW),
        ]
        self.streams: dict[int, Stream] = {}
        self._largest_message = largest_message
        self._reader, self._headers, self._toll = Reader(), Headers(), Toll()
        self._peer = Peer()
        self.room = LARGEST_WINDOW
        """Bytes of calls that may still be put into ``out``: its owner's to set."""
        self._window = USUAL_WINDOW
        self._owed = 0
        self._now = 0.0
        self._last = 0
        self._greeted = False
        self._block: tuple[Frame, bytearray] | None = None
        """A header block that goes on in the next frame."""

    def receive(self, data: bytes, now: float) -> Iterator[Event]:
        """Yield what ``data`` tells.

        Args:
            data: What came, cut anyhow.
            now: Seconds of a clock that only goes on.

        Raises:
            ConnectionEndedError: If the client breaks the protocol; say `goodbye`.

        """
        self._now = now
        for each in self._reader.frames(data):
            self._toll.pay(each, now)
            if not self._greeted and each.kind != Kind.SETTINGS:
                raise _broken("the first frame is not SETTINGS")
            self._greeted = True
            if self._block and each.kind != Kind.CONTINUATION:
                raise _broken("a header block is broken off")
            yield from self._take(each)

    def accept(self, stream: int) -> None:
        """Tell the client that its call is served."""
        found = self.streams.get(stream)
        if found is not None and not found.answered:
            found.answered = True
            flags = Flag.END_HEADERS
            self.out.append(frame(Kind.HEADERS, ACCEPTED, flags, stream))

    def send(self, stream: int, pieces: Sequence[bytes]) -> bool:
        """Send one message, in ``pieces``; tell whether all of it could be handed on.

        Otherwise `Drained` tells when.
        """
        found = self.streams.get(stream)
        if found is None:
            return True
        self.accept(stream)
        found.sending.add((message_head(sum(map(len, pieces))), *pieces))
        self._pump(stream, found)
        return not found.sending.size

    def end(self, stream: int, status: int, message: str = "") -> None:
        """End a call with gRPC's ``status``, after what waits to be sent.

        What it was ended with first holds.
        """
        found = self.streams.get(stream)
        if found is None or found.trailers is not None:
            return
        found.trailers = ended(status, message)
        if not found.answered:
            found.trailers = ACCEPTED + found.trailers
        self._pump(stream, found)

    def admit(self, stream: int, size: int) -> None:
        """Let the client send the whole of a message that has `Begun`."""
        found = self.streams.get(stream)
        if found is not None:
            found.admitted = size
            self._give(stream, found)

    def read(self, stream: int, size: int) -> None:
        """Note that a message of ``size`` bytes was read: the client may send more.

        If one was admitted it was this.
        """
        found = self.streams.get(stream)
        if found is not None:
            found.unread -= HEAD_BYTES + size
            found.admitted = 0
            self._give(stream, found)

    def go_on(self, room: int) -> Iterator[Event]:
        """Put into ``out`` up to ``room`` bytes of what waits; yield who is done."""
        self.room = room
        for stream, each in list(self.streams.items()):
            yield from self._go_on(stream, each)

    def ping(self) -> None:
        """Ask the client whether it is there."""
        self.out.append(frame(Kind.PING, bytes(8)))

    def goodbye(self, reason: Code = Code.NO_ERROR, message: str = "") -> None:
        """Tell the client that no new call is taken, and why."""
        told = struct.pack(">II", self._last, reason) + message.encode()[:200]
        self.out.append(frame(Kind.GOAWAY, told))

    def _take(self, given: Frame) -> Iterator[Event]:
        match given.kind:
            case Kind.DATA:
                yield from self._data(given)
            case Kind.HEADERS | Kind.CONTINUATION:
                yield from self._headers_of(given)
            case Kind.WINDOW_UPDATE:
                yield from self._credited(given)
            case Kind.SETTINGS:
                yield from self._settings(given)
            case Kind.RST_STREAM:
                _expect(given, 4, stream=True)
                self._known(given)
                if self.streams.pop(given.stream, None):
                    yield Reset(given.stream)
            case _:
                self._aside(given)

    def _aside(self, given: Frame) -> None:
        """Take a frame that tells nothing of a call.

        GOAWAY ends nothing of ours, and unknown kinds are passed over (§5.5).
        """
        if given.kind == Kind.PING:
            _expect(given, 8, stream=False)
            if not given.flags & Flag.ACK:
                self.out.append(frame(Kind.PING, given.payload, Flag.ACK))
        if given.kind == Kind.PRIORITY:
            _expect(given, 5, stream=True)
        if given.kind == Kind.PUSH_PROMISE:
            raise _broken("clients promise nothing")

    def _headers_of(self, given: Frame) -> Iterator[Event]:
        if given.kind == Kind.HEADERS:
            self._block = (given, bytearray(unpadded(given)))
        elif self._block is None or given.stream != self._block[0].stream:
            raise _broken("a header block goes on that was not begun")
        else:
            self._block[1].extend(given.payload)
        first, block = self._block
        if len(block) > LARGEST_BLOCK:
            raise ConnectionEndedError(
                Code.ENHANCE_YOUR_CALM,
                f"a header block of {len(block)} bytes, at most {LARGEST_BLOCK}",
            )
        if not given.flags & Flag.END_HEADERS:
            return
        self._block = None
        headers = self._headers.read(bytes(block))
        stream, last = first.stream, bool(first.flags & Flag.END_STREAM)
        if stream % 2 == 0:
            raise _broken(f"stream {stream} is none that a client opens")
        if stream > self._last:
            yield from self._open(stream, headers)
        elif stream in self.streams and not last:
            raise _broken("trailers that do not end their stream")
        if last:
            yield from self._finish(stream)

    def _open(self, stream: int, headers: Mapping[str, str]) -> Iterator[Event]:
        self._last = stream
        if len(self.streams) >= STREAMS:
            self._reset(stream, Code.REFUSED_STREAM)
            return
        made = Stream(self._peer.window, Messages(self._largest_message))
        self.streams[stream] = made
        yield Opened(stream, headers)

    def _finish(self, stream: int) -> Iterator[Event]:
        found = self.streams.get(stream)
        if found is not None and not found.finished:
            found.finished = True
            yield Finished(stream)

    def _data(self, given: Frame) -> Iterator[Event]:
        self._known(given)
        size = len(given.payload)
        self._owed += size
        if self._owed >= CONNECTION_WINDOW // 2:  # each stream has bounds of its own
            self.out.append(_credit(0, self._owed))
            self._owed = 0
        found = self.streams.get(given.stream)
        if found is None:  # what was on its way when the call ended
            self._toll.hear(self._now)
            return
        if found.finished:
            raise ConnectionEndedError(Code.STREAM_CLOSED, "data after its end")
        found.inward -= size
        if found.inward < 0:
            raise ConnectionEndedError(Code.FLOW_CONTROL_ERROR, "more than was allowed")
        before = found.messages.begun
        try:
            for message in found.messages.take(unpadded(given)):
                before = 0
                self._toll.hear(self._now)
                found.unread += HEAD_BYTES + len(message)
                yield Received(given.stream, message)
        except UnreadableMessageError as error:
            self.end(given.stream, error.status, str(error))
            yield Reset(given.stream)
            return
        if found.messages.begun > max(before, WINDOW):
            yield Begun(given.stream, found.messages.begun)
        self._give(given.stream, found)
        if given.flags & Flag.END_STREAM:
            yield from self._finish(given.stream)

    def _give(self, stream: int, found: Stream) -> None:
        """Let the client send more, unless too much is held of what it sent."""
        more = 0 if found.finished else found.credit
        if more:
            self.out.append(_credit(stream, more))
            found.inward += more

    def _settings(self, given: Frame) -> Iterator[Event]:
        if given.stream:
            raise _broken("settings of a stream")
        if given.flags & Flag.ACK:
            _expect(given, 0, stream=False)
            return
        more = self._peer.take(given.payload)
        self.out.append(frame(Kind.SETTINGS, flags=Flag.ACK))
        for stream, each in list(self.streams.items()):
            each.window += more
            if each.window > LARGEST_WINDOW:
                raise ConnectionEndedError(Code.FLOW_CONTROL_ERROR, "too wide a window")
            yield from self._go_on(stream, each)

    def _credited(self, given: Frame) -> Iterator[Event]:
        if len(given.payload) != 4:  # noqa: PLR2004 - §6.9
            raise ConnectionEndedError(Code.FRAME_SIZE_ERROR, "credit of odd length")
        more = int.from_bytes(given.payload, "big") & LARGEST_WINDOW
        if not more:
            raise _broken("credit of nothing")
        if not given.stream:
            self._window += more
            if self._window > LARGEST_WINDOW:
                raise ConnectionEndedError(Code.FLOW_CONTROL_ERROR, "too wide a window")
            for stream, each in list(self.streams.items()):
                yield from self._go_on(stream, each)
            return
        self._known(given)
        found = self.streams.get(given.stream)
        if found is None:
            return
        found.window += more
        if found.window > LARGEST_WINDOW:
            self._reset(given.stream, Code.FLOW_CONTROL_ERROR)
            yield Reset(given.stream)
            return
        yield from self._go_on(given.stream, found)

    def _go_on(self, stream: int, found: Stream) -> Iterator[Event]:
        if found.sending.size:
            self._pump(stream, found)
            if not found.sending.size:
                yield Drained(stream)

    def _pump(self, stream: int, found: Stream) -> None:
        """Hand on what the client takes now; and the trailers when all is sent."""
        allowed = min(self._window, found.window, self.room)
        if allowed > 0 and found.sending.size:
            before = found.sending.size
            self.out += found.sending.frames(stream, allowed, self._peer.frame)
            sent = before - found.sending.size
            self._window -= sent
            found.window -= sent
            self.room -= sent
        if found.trailers is not None and not found.sending.size:
            flags = Flag.END_HEADERS | Flag.END_STREAM
            self.out.append(frame(Kind.HEADERS, found.trailers, flags, stream))
            if not found.finished:  # it need not go on: nobody listens
                self.out.append(_reset(stream, Code.NO_ERROR))
            self.streams.pop(stream, None)

    def _reset(self, stream: int, reason: Code) -> None:
        self.out.append(_reset(stream, reason))
        self.streams.pop(stream, None)

    def _known(self, given: Frame) -> None:
        if not given.stream or given.stream > self._last or given.stream % 2 == 0:
            raise _broken(f"{Kind(given.kind).name} on a stream that was never opened")


def _broken(message: str) -> ConnectionEndedError:
    return ConnectionEndedError(Code.PROTOCOL_ERROR, message)


def _expect(given: Frame, size: int, *, stream: bool) -> None:
    name = Kind(given.kind).name
    if bool(given.stream) != stream:
        raise _broken(f"{name} on stream {given.stream}")
    if len(given.payload) != size:
        raise ConnectionEndedError(
            Code.FRAME_SIZE_ERROR, f"{name} of {len(given.payload)} bytes, not {size}"
        )


def _credit(stream: int, more: int) -> bytes:
    return frame(Kind.WINDOW_UPDATE, more.to_bytes(4, "big"), stream=stream)


def _reset(stream: int, reason: Code) -> bytes:
    return frame(Kind.RST_STREAM, reason.to_bytes(4, "big"), stream=stream)
