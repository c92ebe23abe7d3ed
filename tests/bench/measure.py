"""Time, told as a sample: what it costs, typically and at worst."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Figure:
    """One line of the benchmark."""

    name: str
    value: float
    unit: str
    target: float | None = None
    higher_is_better: bool = False

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
            f"{self.name:<48} {self.value:>10.3f} {self.unit:<8} {target:<14}{verdict}"
        )


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
