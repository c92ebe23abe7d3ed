"""What proxies that misbehave cost those that do not: 200 among 200."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from measure import Figure
from stage import compiled, load_average

from meltemi.pilot.settings import Carrier
from meltemi.testkit.crowd import (
    MISBEHAVING,
    Crowd,
    Speaker,
    crowded_pilot,
    source,
    speaking,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.crowd import CrowdedPilot

GOOD = BAD = 200
CHANGES = 60
QUIET_SECONDS = 0.2
LIMIT_SECONDS = 60
WITHIN = 1.1
OFTEN = ("--retry-base", "0.2", "--retry-max", "1")


def figures() -> Iterator[Figure]:
    """Yield the p99 of the good ones without the bad, with them, and without again."""
    for transport in Carrier:
        yield load_average(f"misconduct {transport}")
        with (
            tempfile.TemporaryDirectory() as made,
            source(GOOD) as (mesh, mcp),
            crowded_pilot(Path(made), mcp, transport=transport) as pilot,
            speaking(Crowd(GOOD, GOOD).argv(compiled(Path(made)), pilot.ads)) as good,
        ):
            good.says("ready")
            yield from _compared(
                f"misconduct {transport}", Path(made), pilot, (mesh, good)
            )


def _compared(
    title: str, folder: Path, pilot: CrowdedPilot, speakers: tuple[Speaker, Speaker]
) -> Iterator[Figure]:
    _late(speakers, "warm", 3)
    before, memory = _late(speakers, "before", CHANGES), pilot.resident_mib
    ill = Crowd(BAD, GOOD, first=GOOD, conduct="+".join(MISBEHAVING), more=OFTEN)
    with speaking(ill.argv(str(folder / "xdsload"), pilot.ads)):
        among = _late(speakers, "among", CHANGES)
        grown = pilot.resident_mib - memory
    after = _late(speakers, "after", CHANGES)
    for when, late in (("alone", before), ("among bad", among), ("alone again", after)):
        name = f"{title}, p99 of {GOOD} {when}, median of {CHANGES}"
        yield Figure(name, median(late) * 1000, "ms")
    ratio = median(among) / median((median(before), median(after)))
    yield Figure(f"{title}, among {BAD} bad to alone", ratio, "", WITHIN)
    yield Figure(f"{title}, RSS for {BAD} bad", grown, "MiB", BAD)


def _late(speakers: tuple[Speaker, Speaker], title: str, changes: int) -> list[float]:
    """Change endpoints one by one; return each time's p99 over the good proxies."""
    mesh, good = speakers
    found: list[float] = []
    for number in range(changes):
        name = f"{title}-{number}"
        mesh.do(f"prepare {name} endpoint {number % GOOD}")
        marker = mesh.says("prepared", name)["marker"]
        good.do(f"mark {name} EDS {marker} {QUIET_SECONDS} {LIMIT_SECONDS}")
        good.says("marked", name)
        mesh.do(f"go {name}")
        sent, push = mesh.says("sent", name), good.says("push", name)
        if push["timed_out"]:
            raise TimeoutError(f"{push['missing']} good proxies wait for {name}")
        found.append(push["t_mark"] + push["since_mark_s"]["p99"] - sent["t"])
    return found
