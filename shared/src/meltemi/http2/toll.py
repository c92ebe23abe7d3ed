"""How many frames that carry nothing a client may send.

Each costs the server more than the client: pings and settings are answered, a stream
that is opened and reset begins a call (CVE-2019-9512, 9514, 9515, 9518 and
CVE-2023-44487).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.http2.frame import Code, ConnectionEndedError, Flag, Kind

if TYPE_CHECKING:
    from meltemi.http2.frame import Frame

PER_SECOND: Final = 100.0
AT_ONCE: Final = 1_000.0
CREDIT: Final = 0.01
"""What a WINDOW_UPDATE costs: a client sends some for what it is sent, and they are
quickly read; but nothing keeps it from sending one for each byte."""
CARRYING: Final = (Kind.DATA, Kind.CONTINUATION)


@dataclass(slots=True)
class Toll:
    """What is left to a client, which grows with time."""

    left: float = AT_ONCE
    since: float | None = None

    def pay(self, given: Frame, now: float) -> None:
        """Count a frame.

        Raises:
            ConnectionEndedError: If there were too many.

        """
        carries = given.payload or given.flags & Flag.END_STREAM
        if given.kind in CARRYING and carries:
            return
        cost = CREDIT if given.kind == Kind.WINDOW_UPDATE else 1.0
        if self.since is not None:
            self.left = min(AT_ONCE, self.left + (now - self.since) * PER_SECOND)
        self.since = now
        self.left -= cost
        if self.left < 0:
            raise ConnectionEndedError(
                Code.ENHANCE_YOUR_CALM, "too many frames that carry nothing"
            )
