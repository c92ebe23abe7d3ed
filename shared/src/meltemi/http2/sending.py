"""What waits to be sent on one stream: pieces that others share, not copied."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.http2.frame import Kind, head

if TYPE_CHECKING:
    from collections.abc import Sequence

Piece = bytes | memoryview


@dataclass(slots=True)
class Sending:
    """Pieces in their order; a slow reader costs a pointer into what all share."""

    pieces: deque[Piece] = field(default_factory=deque["Piece"])
    size: int = 0

    def add(self, pieces: Sequence[bytes]) -> None:
        """Have ``pieces`` sent after what waits already."""
        for each in pieces:
            if each:
                self.pieces.append(each)
                self.size += len(each)

    def frames(self, stream: int, allowed: int, largest: int) -> list[Piece]:
        """Return DATA frames with as much as is ``allowed``, and let go of it.

        Args:
            stream: Whose they are.
            allowed: Bytes of payload that the receiver takes now.
            largest: Bytes of payload in one frame.

        """
        made: list[Piece] = []
        left = min(allowed, self.size)
        self.size -= left
        while left:
            size = min(left, largest)
            left -= size
            made.append(head(size, Kind.DATA, 0, stream))
            while size:
                piece = self.pieces.popleft()
                if len(piece) > size:
                    whole = memoryview(piece)
                    self.pieces.appendleft(whole[size:])
                    piece = whole[:size]
                size -= len(piece)
                made.append(piece)
        return made
