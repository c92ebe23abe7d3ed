"""Messages of gRPC, cut out of a stream of bytes.

Source: "gRPC over HTTP2": one byte that says whether it is compressed, four bytes of
length, the message.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_BYTES: Final = 5
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
"""Statuses of gRPC, as its "Statuscodes" page numbers them."""


class UnreadableMessageError(MeshError):
    """A message is compressed, or larger than anybody may send."""

    code = "http2.message"
    blame = Blame.CALLER

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Messages:
    """Puts the messages of one stream together.

    Attributes:
        begun: Bytes of the message that has begun, with its head; 0: none has, or its
            head is not whole.

    """

    def __init__(self, largest: int) -> None:
        self.begun = 0
        self._largest = largest
        self._rest = bytearray()

    @property
    def held(self) -> int:
        """Bytes that are kept of a message that is not whole."""
        return len(self._rest)

    def take(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that ``data`` completes.

        Raises:
            UnreadableMessageError: If one is compressed, or too large to be held.

        """
        rest, place, self.begun = self._rest, 0, 0
        rest += data
        while len(rest) - place >= HEAD_BYTES:
            packed, size = struct.unpack_from(">BI", rest, place)
            if packed:
                raise UnreadableMessageError(
                    "a compressed message: none is taken", UNIMPLEMENTED
                )
            if size > self._largest:
                raise UnreadableMessageError(
                    f"a message of {size} bytes, at most {self._largest} are taken",
                    RESOURCE_EXHAUSTED,
                )
            end = place + HEAD_BYTES + size
            if len(rest) < end:
                self.begun = HEAD_BYTES + size
                break
            yield bytes(rest[place + HEAD_BYTES : end])
            place = end
        del rest[:place]


def message_head(size: int) -> bytes:
    """Return what stands before a message of ``size`` bytes."""
    return struct.pack(">BI", 0, size)
