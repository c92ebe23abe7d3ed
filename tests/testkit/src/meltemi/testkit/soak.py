"""A Pilot under changes and reconnects for as long as one likes, and what it keeps."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.testkit.crowd import Speaker
    from meltemi.testkit.crowded import Scene

CHANGES_PER_SECOND = 20
SAMPLE_SECONDS = 1.0
WARM_UP = 3
"""One part in so many of the time is for warming up."""


@dataclass(frozen=True)
class Sample:
    """What Pilot held with all proxies connected and up to date."""

    seconds: float
    resident_mib: float
    descriptors: int


def soak(scene: Scene, load: Speaker, services: int, seconds: float) -> list[Sample]:
    """Change endpoints and have all proxies come back for so long; return samples.

    Those of the beginning are left out.
    """
    every = list(_samples(scene, load, services, seconds))
    return every[len(every) // WARM_UP :]


def _samples(
    scene: Scene, load: Speaker, services: int, seconds: float
) -> Iterator[Sample]:
    begun, made = time.perf_counter(), 0
    while (passed := time.perf_counter() - begun) < seconds:
        until = passed + SAMPLE_SECONDS
        while time.perf_counter() - begun < until:
            scene.source.do(f"endpoint {made % services}")
            scene.source.says("sent")
            made += 1
            time.sleep(
                max(0.0, begun + made / CHANGES_PER_SECOND - time.perf_counter())
            )
        load.do("reconnect")
        load.says("reconnected")
        scene.change(load, made % services)
        yield Sample(passed, scene.pilot.resident_mib, scene.descriptors())


def growth(samples: Sequence[Sample]) -> float:
    """Return how fast memory grows, MiB an hour: the slope of the line through it."""
    slope, _ = statistics.linear_regression(
        [each.seconds for each in samples], [each.resident_mib for each in samples]
    )
    return slope * 3600
