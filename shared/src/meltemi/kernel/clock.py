"""Time as an argument: pure code is told the time, shells ask a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings of time, for two purposes."""

    def now(self) -> datetime:
        """Return the wall-clock time, timezone-aware, for people and certificates."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for deadlines and delays."""
        ...


class SystemClock:
    """The machine's own clock: the one place that reads it."""

    def now(self) -> datetime:
        """Return the current UTC time."""
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock

    def monotonic(self) -> float:
        """Return the monotonic clock, in seconds."""
        return time.monotonic()  # noqa: TID251 - this is the Clock
