"""What a client tells of itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from meltemi.http2.frame import (
    LARGEST,
    LARGEST_WINDOW,
    Code,
    ConnectionEndedError,
    Setting,
)

LARGEST_FRAMES = (1 << 24) - 1
ENTRY_BYTES = 6


@dataclass(slots=True)
class Peer:
    """A client's settings that matter to who sends to it (RFC 9113 §6.5.2).

    Attributes:
        window: Bytes of a new stream that it takes before it is asked.
        frame: Bytes of the largest frame that it takes.

    """

    window: int = (1 << 16) - 1
    frame: int = LARGEST

    def take(self, payload: bytes) -> int:
        """Take a frame of settings; return by how much the window grew.

        Raises:
            ConnectionEndedError: If a value is none that it may have.

        """
        if len(payload) % ENTRY_BYTES:
            raise ConnectionEndedError(
                Code.FRAME_SIZE_ERROR, f"settings of {len(payload)} bytes"
            )
        before = self.window
        for name, value in struct.iter_unpack(">HI", payload):
            if name == Setting.INITIAL_WINDOW_SIZE:
                if value > LARGEST_WINDOW:
                    raise ConnectionEndedError(
                        Code.FLOW_CONTROL_ERROR, f"a window of {value} bytes"
                    )
                self.window = value
            if name == Setting.MAX_FRAME_SIZE:
                if not LARGEST <= value <= LARGEST_FRAMES:
                    raise ConnectionEndedError(
                        Code.PROTOCOL_ERROR, f"frames of {value} bytes"
                    )
                self.frame = value
            if name == Setting.ENABLE_PUSH and value > 1:
                raise ConnectionEndedError(
                    Code.PROTOCOL_ERROR, f"ENABLE_PUSH is {value}"
                )
        return self.window - before
