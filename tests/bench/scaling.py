"""What a change costs with more services, more proxies, and more classes of them.

One of the three grows while the others stay; the slope between two sizes says by
which power of it the cost grows: 0 it does not matter, 1 it is in proportion.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from measure import Figure
from stage import load_average

from meltemi.testkit.crowd import Crowd
from meltemi.testkit.crowded import scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.crowd import Speaker
    from meltemi.testkit.crowded import Scene

ROUNDS = 5
CHANGES = ("endpoint", "weight", "add")


@dataclass(frozen=True)
class Point:
    """So many services, proxies, and classes that these are of."""

    services: int
    proxies: int
    classes: int

    def __str__(self) -> str:
        return f"{self.services}x{self.proxies} of {self.classes}"


SERVICES = tuple(Point(each, 300, 300) for each in (100, 300, 1_000, 3_000))
PROXIES = tuple(Point(1_000, each, each) for each in (30, 100, 300, 1_000))
CLASSES = tuple(Point(1_000, 1_000, each) for each in (1, 10, 1_000))
AXES = {"services": SERVICES, "proxies": PROXIES, "classes": CLASSES}


def figures() -> Iterator[Figure]:
    """Yield the time to the last proxy and Pilot's processor time, and the slopes."""
    known: dict[Point, dict[str, tuple[float, float]]] = {}
    yield load_average("scaling")
    for point in dict.fromkeys(each for axis in AXES.values() for each in axis):
        known[point] = dict(_costs(point))
        for what, (took, spent) in known[point].items():
            yield Figure(f"{point}, {what}, last proxy", took * 1000, "ms")
            yield Figure(f"{point}, {what}, CPU", spent * 1000, "ms")
    for axis, points in AXES.items():
        first, last = points[0], points[-1]
        apart = math.log(getattr(last, axis) / getattr(first, axis))
        for what in known[first]:
            slopes = (
                math.log(known[last][what][kind] / known[first][what][kind]) / apart
                for kind in (0, 1)
            )
            title = f"slope over {axis} {getattr(first, axis)}-{getattr(last, axis)}"
            for kind, slope in zip(("last proxy", "CPU"), slopes, strict=True):
                yield Figure(f"{title}, {what}, {kind}", slope, "")


def _costs(point: Point) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield of connecting and of each change how long it takes, and processor time."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = stack.enter_context(scene(folder, point.services))
        more = ("--classes", str(point.classes))
        crowd = Crowd(point.proxies, point.services, more=more)
        before = made.pilot.cpu_seconds
        load = stack.enter_context(made.crowd(crowd))
        took = float(load.state()["full_since_begin_s"]["max"])
        yield "connect all", (took, made.pilot.cpu_seconds - before)
        for change in CHANGES:
            yield change, _changed(made, load, change)


def _changed(made: Scene, load: Speaker, change: str) -> tuple[float, float]:
    made.change(load, 0, change)
    before = made.pilot.cpu_seconds
    took = [made.change(load, number % 2, change) for number in range(ROUNDS)]
    return median(took), (made.pilot.cpu_seconds - before) / ROUNDS
