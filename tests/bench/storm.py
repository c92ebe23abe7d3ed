"""Two thousand streams at once, to a Pilot that nobody was connected to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Figure
from stage import compiled, load_average

from meltemi.pilot.settings import Carrier
from meltemi.testkit.beside import Beside
from meltemi.testkit.crowd import Crowd, crowded_pilot, source, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator

from meltemi.testkit.crowd import CrowdedPilot

STREAMS = 2_000
SERVICES = 1_000
EVERY_SECONDS = 0.1


def figures() -> Iterator[Figure]:
    """Yield how long it takes until all hold everything, and Pilot's memory then."""
    for transport in Carrier:
        title = f"storm of {STREAMS:,}, {SERVICES:,} services, {transport}"
        yield load_average(title)
        with (
            tempfile.TemporaryDirectory() as made,
            source(SERVICES) as (_, mcp),
            crowded_pilot(Path(made), mcp, transport=transport) as pilot,
        ):
            crowd = Crowd(STREAMS, SERVICES)
            with (
                speaking(crowd.argv(compiled(Path(made)), pilot.ads)) as load,
                Peak(pilot) as peak,
            ):
                ready = load.says("ready")
            took = ready["full_since_begin_s"]
            yield Figure(f"{title}: half of them", took["p50"], "s")
            yield Figure(f"{title}: all", took["max"], "s", 30)
            yield Figure(f"{title}: streams begun anew", ready["closed_by_server"], "")
            yield Figure(f"{title}: RSS at most", peak.mib, "MiB", 1024)


class Peak(Beside):
    """The most memory a Pilot held while the context lasts."""

    def __init__(self, pilot: CrowdedPilot) -> None:
        super().__init__()
        self.mib, self._pilot = 0.0, pilot

    def work(self) -> None:
        """Look now and then."""
        while not self.enough.wait(EVERY_SECONDS):
            self.mib = max(self.mib, self._pilot.resident_mib)
