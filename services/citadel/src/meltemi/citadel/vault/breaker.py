"""A breaker: when a peer fails again and again, stop asking for a while. No clock."""

from __future__ import annotations

from collections import deque

FAILURES = 5
WINDOW_SECONDS = 10.0
REST_SECONDS = 1.0
"""Between two trials of a peer that fails: so long at most is its return missed."""


class Breaker:
    """Closed until five failures within ten seconds; then one trial each second.

    A success closes it. Times are seconds of a monotonic clock.
    """

    def __init__(self) -> None:
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._next_trial = 0.0

    def allows(self, now: float) -> bool:
        """Tell whether the peer may be asked; of those who wait, one is the trial."""
        if not self.open:
            return True
        if now < self._next_trial:
            return False
        self._next_trial = now + REST_SECONDS
        return True

    @property
    def open(self) -> bool:
        """Whether the peer counts as gone."""
        if len(self._failures) < FAILURES:
            return False
        return self._failures[-1] - self._failures[0] <= WINDOW_SECONDS

    def failed(self, now: float) -> None:
        """Note that the peer did not serve."""
        self._failures.append(now)
        self._next_trial = now + REST_SECONDS

    def succeeded(self) -> None:
        """Note that it did."""
        self._failures.clear()
