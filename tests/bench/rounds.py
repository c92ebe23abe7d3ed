"""Two ways of one thing, measured by turns, and how they compare.

Drift of the machine is as large as what is looked for: a round measures both right
after each other, rounds begin with either by turns, and each has its own ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from statistics import median
from typing import TYPE_CHECKING

from measure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

DRAWS = 10_000
CONFIDENCE = 95
SEED = 1


@dataclass(frozen=True)
class Round:
    """What one round measured, in seconds."""

    alone: Sequence[float]
    among: Sequence[float]

    @property
    def ratio(self) -> float:
        """How much longer it took among others."""
        return median(self.among) / median(self.alone)


def by_turns(
    count: int,
    alone: Callable[[int], Sequence[float]],
    among: Callable[[int], Sequence[float]],
) -> Iterator[Round]:
    """Yield so many rounds: A B, B A, A B and so on."""
    for number in range(count):
        if number % 2:
            later = among(number)
            yield Round(alone(number), later)
        else:
            earlier = alone(number)
            yield Round(earlier, among(number))


def compared(
    title: str, rounds: Iterable[Round], target: float | None = None
) -> Iterator[Figure]:
    """Yield the median of the ratios, the least, the most, and how sure that is.

    The last two are where ``CONFIDENCE`` % of the medians of samples drawn from the
    ratios lie (bootstrap): where that has 1 in it, no difference is shown.
    """
    ratios = sorted(each.ratio for each in rounds)
    count = len(ratios)
    name = f"{title}, median of {count} rounds"
    yield Figure(name, median(ratios), "", target, samples=count)
    yield Figure(f"{title}, least of {count} rounds", ratios[0], "", samples=count)
    yield Figure(f"{title}, most of {count} rounds", ratios[-1], "", samples=count)
    for side, value in zip(("from", "to"), interval(ratios), strict=True):
        name = f"{title}, {CONFIDENCE} % sure {side}"
        yield Figure(name, value, "", samples=count)


def interval(sample: Sequence[float]) -> tuple[float, float]:
    """Return between what the median of more of the same is, by bootstrap."""
    rng = Random(SEED)  # noqa: S311 - a figure is no secret
    found = sorted(median(rng.choices(sample, k=len(sample))) for _ in range(DRAWS))
    cut = DRAWS * (100 - CONFIDENCE) // 200
    return found[cut], found[-1 - cut]
