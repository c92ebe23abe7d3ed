"""What a Pilot keeps under changes and reconnects that do not end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Figure
from stage import load_average

from meltemi.pilot.settings import Carrier
from meltemi.testkit.crowd import Crowd
from meltemi.testkit.crowded import scene
from meltemi.testkit.soak import growth, soak

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 100


def figures(seconds: float) -> Iterator[Figure]:
    """Yield memory and open files over so many seconds, after a third for warming up."""
    for transport in Carrier:
        title = f"soak {SIZE}x{SIZE} {transport} {seconds:g} s"
        yield load_average(title)
        with (
            tempfile.TemporaryDirectory() as made,
            scene(Path(made), SIZE, transport) as where,
            where.crowd(Crowd(SIZE, SIZE)) as load,
        ):
            samples = soak(where, load, SIZE, seconds)
        files = [each.descriptors for each in samples]
        memory = [each.resident_mib for each in samples]
        yield Figure(f"{title}, RSS at first", memory[0], "MiB")
        yield Figure(f"{title}, RSS at last", memory[-1], "MiB")
        yield Figure(f"{title}, RSS at most", max(memory), "MiB")
        yield Figure(f"{title}, RSS slope", growth(samples), "MiB/h")
        yield Figure(
            f"{title}, files, most less fewest", max(files) - min(files), "", 3
        )
