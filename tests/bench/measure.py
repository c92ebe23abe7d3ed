"""Time, told as a sample: what it costs, typically and at worst."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ENOUGH = 100
"""Measurements from which on the 99th percentile is less than the most of them."""


class Whose(StrEnum):
    """Who a figure is of."""

    OURS = "ours"
    PEER = "peer"
    RATIO = "ratio"
    """Ours to the peer's, of the same run."""


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark."""

    name: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = False
    samples: int = 1
    """Measurements that the value is the median, the tail or the mean of."""
    whose: Whose = Whose.OURS

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        if self.higher_is_better:
            return self.value >= self.target
        return self.value <= self.target

    def __str__(self) -> str:
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        target = "" if self.target is None else f"target {self.target:g}"
        return (
            f"{self.name:<64} {self.value:>10.3f} {self.unit:<8} {target:<14}{verdict}"
        )


def spread(
    name: str, sample: Sequence[float], unit: str, *, scale: float = 1.0
) -> Iterator[Figure]:
    """Yield the median of a sample times ``scale``, and its tail.

    That is the 99th percentile where there are enough to have one, else the most:
    of five the name says that it is the most of five.
    """
    count = len(sample)
    tail = "99 %" if count >= ENOUGH else "most"
    for which, percent in (("median", 50), (tail, 99)):
        value = percentile(sample, percent) * scale
        yield Figure(f"{name}, {which} of {count}", value, unit, samples=count)


def seconds(work: Callable[[], object]) -> float:
    """Return how long one run of ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def best(work: Callable[[], object], *, runs: int) -> float:
    """Return the fastest of several runs: the one that others disturbed least."""
    return min(seconds(work) for _ in range(runs))


def percentile(sample: Iterable[float], percent: int) -> float:
    """Return the value that ``percent`` of the sample stay below."""
    ordered = sorted(sample)
    if percent == 50:
        return statistics.median(ordered)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
