"""A log, read from its end to its beginning, a block of whole lines at a time."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.ctl.why.hop import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

BLOCK: Final = 1024 * 1024
"""Bytes that are read at once; a longer line is none of a request."""
MOST: Final = 1024 * BLOCK
"""Bytes of one log that are looked through, in a second or two."""
FIELD: Final = b'"start_time"'
TIME: Final = re.compile(rb'"start_time": ?"([^"]{1,40})"')
ENOUGH: Final = 100
"""Lines at a block's end by which it is dated: not all are of streams that ran long."""


@dataclass(slots=True)
class Past:
    """How far back a log has been read.

    Attributes:
        name: Of the proxy whose log it is.
        file: The log itself, which others may write to meanwhile.
        size: Bytes there were when reading began.
        start: Where what has been read begins, in bytes from the log's beginning.
        floor: Where nobody reads on.
        newest: When the newest request of the last block with one began, in seconds
            since the epoch; None: no block had one.

    """

    name: str
    file: BinaryIO
    size: int
    start: int
    floor: int
    newest: float | None = None
    _rest: bytes = b""

    @classmethod
    def of(cls, name: str, file: BinaryIO, most: int = MOST) -> Past:
        """Return a log of which nothing is read, and ``most`` bytes will be."""
        size = file.seek(0, os.SEEK_END)
        return cls(name, file, size, size, max(0, size - most))

    @property
    def read(self) -> int:
        """How many bytes have been read."""
        return self.size - self.start

    @property
    def ended(self) -> bool:
        """Whether nothing is left to read."""
        return self.start <= self.floor

    @property
    def cut(self) -> bool:
        """Whether what is left is not read, as it is too much."""
        return self.ended and self.floor > 0

    def block(self) -> bytes:
        """Return the lines before those that were read; none where it `ended`."""
        begin = max(self.floor, self.start - BLOCK)
        self.file.seek(begin)
        text = self.file.read(self.start - begin)
        self.start = begin
        # Without a line's end in it, it is the inside of a line that is too long.
        whole = 0 if begin == 0 else text.find(b"\n") + 1 or len(text)
        found, self._rest = text[whole:] + self._rest, text[:whole]
        self.newest = max(_times(found), default=self.newest)
        return found


def _times(block: bytes) -> Iterator[float]:
    """Yield when the last requests in ``block`` began."""
    end = len(block)
    for _ in range(ENOUGH):
        end = block.rfind(FIELD, 0, end)
        said = TIME.match(block, end) if end >= 0 else None
        if end < 0:
            return
        time = seconds(said.group(1).decode(errors="replace")) if said else None
        if time is not None:
            yield time
