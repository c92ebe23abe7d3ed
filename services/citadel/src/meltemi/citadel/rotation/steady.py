"""A wall clock whose jumps forward do not count. No I/O.

A root retires when time has passed, not when a clock was set (T26).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

JUMP = timedelta(minutes=1)
"""What two clocks may come apart by between two looks, before one was set."""


@dataclass(frozen=True, slots=True)
class SteadyTime:
    """What was read last of both clocks, and how far the wall clock was set forward.

    Attributes:
        wall: The wall clock.
        monotonic: The other one, in seconds.
        skipped: What did not pass although the wall clock says so.

    """

    wall: datetime
    monotonic: float
    skipped: timedelta = timedelta(0)

    @property
    def now(self) -> datetime:
        """The time by what has passed since the first look."""
        return self.wall - self.skipped

    def read(self, wall: datetime, monotonic: float) -> Self:
        """Return what two clocks come to that are read again.

        A clock that is set back takes away from what it was set forward, and no more:
        waiting longer than necessary does no harm.
        """
        jump = wall - self.wall - timedelta(seconds=monotonic - self.monotonic)
        skipped = self.skipped
        if abs(jump) > JUMP:
            skipped = max(timedelta(0), skipped + jump)
        return type(self)(wall, monotonic, skipped)
