"""How long to wait before trying a peer again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delays with jitter, in seconds.

    Attributes:
        first: Upper bound of the first delay.
        ceiling: Upper bound of every delay.

    """

    first: float
    ceiling: float

    def delay(self, attempt: int, rng: Random) -> float:
        """Return the wait before try ``attempt`` (0 is the first retry).

        Half of the bound is kept and the rest drawn, so that a herd spreads out
        but nobody retries at once.
        """
        bound = min(self.ceiling, self.first * 2.0 ** min(attempt, 60))
        return bound / 2 + rng.random() * bound / 2
