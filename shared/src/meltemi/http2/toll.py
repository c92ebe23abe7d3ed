"""How many frames that carry nothing, or next to nothing, a client may send.

Each costs the server more than the client: pings and settings are answered, a stream
that is opened and reset begins a call (CVE-2019-9512, 9514, 9515, 9518 and
CVE-2023-44487), and a message of five bytes is as much work as one of a thousand.
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
LITTLE: Final = 0.1
"""What a message costs, a DATA frame of a call that has ended, for some may be on their
way, and any frame that carries up to `SMALL` bytes. One that carries more costs less,
in proportion: a frame is as much work whatever it carries."""
SMALL: Final = 16
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
        cost = _cost(given)
        if cost:
            self._pay(cost, now)

    def hear(self, now: float) -> None:
        """Count a message, or DATA of a call that has ended.

        Raises:
            ConnectionEndedError: If there were too many.

        """
        self._pay(LITTLE, now)

    def _pay(self, cost: float, now: float) -> None:
        if self.since is not None:
            self.left = min(AT_ONCE, self.left + (now - self.since) * PER_SECOND)
        self.since = now
        self.left -= cost
        if self.left < 0:
            raise ConnectionEndedError(
                Code.ENHANCE_YOUR_CALM, "too many frames that carry nothing, or little"
            )


def _cost(given: Frame) -> float:
    if given.kind == Kind.WINDOW_UPDATE:
        return CREDIT
    carried = _carried(given)
    if given.kind not in CARRYING or not (carried or given.flags & Flag.END_STREAM):
        return 1.0
    return LITTLE * SMALL / max(carried, SMALL)


def _carried(given: Frame) -> int:
    """Return the bytes of a frame that are no padding."""
    size = len(given.payload)
    if given.kind == Kind.DATA and given.flags & Flag.PADDED and size:
        return max(0, size - 1 - given.payload[0])
    return size
