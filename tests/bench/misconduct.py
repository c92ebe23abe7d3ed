"""What proxies that misbehave cost those that do not: 200 among 200.

Rounds measure the good ones alone and among the bad by turns (`rounds`). Pilot has a
processor of its own where there are two: what the players of proxies take of the other
one is no fault of Pilot's, and is in the figures still, for they share it.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import cores
from measure import Figure
from rounds import by_turns, compared
from stage import load_average

from meltemi.pilot.settings import Carrier
from meltemi.testkit.changes import Changes
from meltemi.testkit.crowd import MISBEHAVING, Crowd, speaking
from meltemi.testkit.crowded import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.crowd import Speaker

GOOD = BAD = 200
ROUNDS, CHANGES = 8, 12
SETTLING = 3
"""Changes that are not counted after the bad have come, or have gone."""
QUIET_SECONDS = 0.2
LIMIT_SECONDS = 60
GONE_SECONDS = 60.0
WITHIN = 1.1
OFTEN = ("--retry-base", "0.2", "--retry-max", "1")


def figures() -> Iterator[Figure]:
    """Yield the p99 of the good ones alone and among the bad, and the ratio."""
    for transport in Carrier:
        title = f"misconduct {transport}"
        yield load_average(title)
        with (
            tempfile.TemporaryDirectory() as made,
            scene(Path(made), GOOD, transport) as mesh,
            mesh.crowd(Crowd(GOOD, GOOD)) as good,
        ):
            yield from Trial(title, mesh, good).figures()


@dataclass
class Trial:
    """Good proxies on one Pilot, and bad ones that come and go."""

    title: str
    mesh: Scene
    good: Speaker
    numbers: Iterator[int] = field(default_factory=count)
    memory: list[float] = field(default_factory=list[float])
    """What Pilot held with the bad ones connected, MiB."""
    shares: dict[str, list[float]] = field(
        default_factory=lambda: {"alone": [], "among": []}
    )
    """What Pilot took of a processor meanwhile, by round."""

    def figures(self) -> Iterator[Figure]:
        """Measure all rounds after one that does not count."""
        pilot = self.mesh.pilot
        players = [self.mesh.source.process.pid, self.good.process.pid]
        pinned = cores.separate(pilot.process, players)
        yield Figure(
            f"{self.title}, Pilot has a processor of its own", float(pinned), ""
        )
        self._late(CHANGES)
        before = pilot.resident_mib
        rounds = list(by_turns(1 + ROUNDS, self._alone, self._among))[1:]
        for when in ("alone", "among"):
            late = [each for one in rounds for each in getattr(one, when)]
            name = f"{self.title}, p99 of {GOOD} {when}, median of {len(late)}"
            yield Figure(name, median(late) * 1000, "ms", samples=len(late))
            name = f"{self.title}, Pilot, of a core, {when}, median of {ROUNDS}"
            share = median(self.shares[when][1:]) * 100
            yield Figure(name, share, "%", samples=ROUNDS)
        yield from compared(f"{self.title}, among {BAD} bad to alone", rounds, WITHIN)
        grown = max(self.memory) - before
        yield Figure(f"{self.title}, RSS for {BAD} bad", grown, "MiB", BAD)

    def _alone(self, _: int) -> list[float]:
        return self._measured("alone")

    def _among(self, _: int) -> list[float]:
        ill = Crowd(BAD, GOOD, first=GOOD, conduct="+".join(MISBEHAVING), more=OFTEN)
        pilot, program = self.mesh.pilot, self.mesh.program
        with speaking(ill.argv(program, pilot.ads)) as bad:
            if found := cores.apart():
                cores.keep(bad.process.pid, found[1])
            late = self._measured("among")
            self.memory.append(pilot.resident_mib)
        begun = time.perf_counter()
        while self.mesh.streams() > GOOD:
            if time.perf_counter() > begun + GONE_SECONDS:
                raise TimeoutError(f"bad proxies are kept for {GONE_SECONDS:g} s")
            time.sleep(QUIET_SECONDS)
        return late

    def _measured(self, when: str) -> list[float]:
        self._late(SETTLING)
        pilot, begun = self.mesh.pilot, time.perf_counter()
        before = pilot.cpu_seconds
        late = self._late(CHANGES)
        took = time.perf_counter() - begun
        self.shares[when].append((pilot.cpu_seconds - before) / took)
        return late

    def _late(self, changes: int) -> list[float]:
        """Change endpoints one by one; return each time's p99 over the good ones."""
        made = Changes(self.mesh.source, self.good, QUIET_SECONDS, LIMIT_SECONDS)
        numbers = [next(self.numbers) for _ in range(changes)]
        return [
            made.make(f"late-{each}", "endpoint", each % GOOD).most_seconds
            for each in numbers
        ]
