"""A clock that stands still until it is moved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class StillClock:
    """A `Clock`; ``advance`` moves both of its readings."""

    def __init__(self, start: datetime) -> None:
        self._now, self._monotonic = start, 0.0

    def now(self) -> datetime:
        """Return the time it was moved to."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds it was moved by."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
