"""Frames: nine bytes that say what follows, and what follows.

Source: RFC 9113 §4 and §6.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final, NamedTuple

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES: Final = 9
LARGEST: Final = 1 << 14
"""Bytes of a frame that we take: the least that everybody must."""
LARGEST_WINDOW: Final = (1 << 31) - 1


class Kind(IntEnum):
    """What a frame is for."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntFlag):
    """What a frame says of itself; what a bit means depends on the kind."""

    NONE = 0
    END_STREAM = 0x1
    ACK = 0x1
    END_HEADERS = 0x4
    PADDED = 0x8
    PRIORITY = 0x20


class Code(IntEnum):
    """Why a stream or a connection ends (§7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11


class Setting(IntEnum):
    """What one side tells the other about itself (§6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ConnectionEndedError(MeshError):
    """The other side broke the protocol: its whole connection ends."""

    code = "http2.connection-ended"
    blame = Blame.CALLER

    def __init__(self, reason: Code, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Frame(NamedTuple):
    """A frame that arrived whole."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def head(size: int, kind: Kind, flags: int, stream: int) -> bytes:
    """Return the nine bytes before a payload of ``size`` bytes."""
    return struct.pack(">IBI", size << 8 | kind, flags, stream)


def frame(kind: Kind, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    """Return a whole frame."""
    return head(len(payload), kind, flags, stream) + payload


def settings(values: dict[Setting, int]) -> bytes:
    """Return a frame that tells ``values``."""
    payload = b"".join(struct.pack(">HI", *each) for each in values.items())
    return frame(Kind.SETTINGS, payload)


class Reader:
    """Cuts what arrives into frames, however it was cut on its way.

    It holds at most one frame that has not arrived whole.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._greeted = False

    def frames(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that ``data`` completes.

        Raises:
            ConnectionEndedError: If it does not begin as HTTP/2 does, or a frame is too
                large.

        """
        rest = self._rest
        rest += data
        place = self._greeting()
        while len(rest) - place >= HEAD_BYTES:
            size = int.from_bytes(rest[place : place + 3], "big")
            if size > LARGEST:
                raise ConnectionEndedError(
                    Code.FRAME_SIZE_ERROR,
                    f"a frame of {size} bytes, at most {LARGEST} are taken",
                )
            end = place + HEAD_BYTES + size
            if len(rest) < end:
                break
            kind, flags, stream = struct.unpack_from(">BBI", rest, place + 3)
            payload = bytes(rest[place + HEAD_BYTES : end])
            yield Frame(kind, flags, stream & LARGEST_WINDOW, payload)
            place = end
        del rest[:place]

    def _greeting(self) -> int:
        """Return how many bytes the greeting takes of what is there."""
        if self._greeted:
            return 0
        known = bytes(self._rest[: len(PREFACE)])
        if not PREFACE.startswith(known):
            raise ConnectionEndedError(Code.PROTOCOL_ERROR, "this is not HTTP/2")
        self._greeted = known == PREFACE
        return len(PREFACE) if self._greeted else 0


def unpadded(given: Frame) -> bytes:
    """Return the payload of ``given`` without its padding, and without a priority.

    Raises:
        ConnectionEndedError: If there is more padding than payload.

    """
    payload, padding = given.payload, 0
    if given.flags & Flag.PADDED:
        if not payload:
            raise ConnectionEndedError(Code.FRAME_SIZE_ERROR, "padding of no length")
        padding, payload = payload[0], payload[1:]
    if given.kind == Kind.HEADERS and given.flags & Flag.PRIORITY:
        payload = payload[5:]
    if padding > len(payload):
        raise ConnectionEndedError(Code.PROTOCOL_ERROR, "more padding than payload")
    return payload[: len(payload) - padding]
