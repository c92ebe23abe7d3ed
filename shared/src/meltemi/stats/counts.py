"""What is counted of an edge: numbers that only ever grow, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDS: Final = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
"""Milliseconds: Envoy's buckets, of which those above ten seconds are one."""
NUMBERS: Final = (
    "requests",
    "failed",
    "milliseconds",
    "opened",
    "closed",
    "received",
    "sent",
)
"""Requests, and those that a server failed; their time; connections, and bytes."""
WIDTH: Final = len(NUMBERS) + len(BOUNDS) + 1
"""After the numbers, how many requests took no longer than each bound, and all."""
FIRST_BUCKET: Final = len(NUMBERS)

Counts = tuple[float, ...]

NOTHING: Final[Counts] = (0.0,) * WIDTH


def plus(one: Sequence[float], other: Sequence[float]) -> Counts:
    """Return the sum of two."""
    return tuple(a + b for a, b in zip(one, other, strict=True))


def number(counts: Sequence[float], name: str) -> float:
    """Return one of the `NUMBERS`."""
    return counts[NUMBERS.index(name)]


def quantile(counts: Sequence[float], share: float) -> float | None:
    """Return how many milliseconds ``share`` of the requests took at most.

    Within a bucket they are taken as spread evenly, as Prometheus'
    ``histogram_quantile`` does; None without requests.
    """
    buckets = counts[FIRST_BUCKET:]
    wanted = buckets[-1] * share
    if not wanted:
        return None
    lower, below = 0.0, 0.0
    for bound, reached in zip(BOUNDS, buckets, strict=False):
        if reached >= wanted:
            return lower + (bound - lower) * (wanted - below) / (reached - below)
        lower, below = float(bound), reached
    return float(BOUNDS[-1])
