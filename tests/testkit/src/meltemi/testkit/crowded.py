"""A mesh, a Pilot and proxies by the hundred, for tests: told, changed and counted."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.testkit.changes import Changes
from meltemi.testkit.corpus.profile import Profile
from meltemi.testkit.crowd import (
    Crowd,
    NoGeneratorError,
    crowded_pilot,
    generator,
    source,
    speaking,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.testkit.changes import Push
    from meltemi.testkit.crowd import CrowdedPilot, Speaker

QUIET_SECONDS = 0.05
LIMIT_SECONDS = 100
STREAMS = "meltemi_pilot_streams "


@dataclass
class Scene:
    """A mesh that can be changed, and the Pilot that tells of it."""

    program: str
    source: Speaker
    pilot: CrowdedPilot
    names: Iterator[int]

    def change(
        self, load: Speaker, service: int = 0, change: str = "endpoint"
    ) -> float:
        """Return the seconds until every proxy of ``load`` took a change."""
        return self.push(load, service, change).seconds

    def push(self, load: Speaker, service: int = 0, change: str = "endpoint") -> Push:
        """Tell how a change came to the proxies of ``load``."""
        changes = Changes(self.source, load, QUIET_SECONDS, LIMIT_SECONDS)
        return changes.make(f"change-{next(self.names)}", change, service)

    @contextlib.contextmanager
    def crowd(self, crowd: Crowd) -> Iterator[Speaker]:
        """Have proxies join; those that behave well hold everything then."""
        with speaking(crowd.argv(self.program, self.pilot.ads)) as load:
            if not crowd.conduct:
                load.says("ready")
            yield load

    def streams(self) -> int:
        """Return how many proxies Pilot says are connected."""
        url = f"http://127.0.0.1:{self.pilot.views}/metrics"
        lines = httpx2.get(url, timeout=20, trust_env=False).text.splitlines()
        (line,) = [each for each in lines if each.startswith(STREAMS)]
        return int(float(line.removeprefix(STREAMS)))

    def descriptors(self) -> int:
        """Return how many files and sockets Pilot has open."""
        return int(self.pilot.process.num_fds())


def compiled(folder: Path) -> str:
    """Return the generator of load; skip the test where it cannot be built."""
    try:
        return generator(folder)
    except NoGeneratorError as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def scene(
    folder: Path,
    services: int,
    transport: str = "",
    profile: Profile = Profile.HTTP,
) -> Iterator[Scene]:
    """Run a mesh of so many services, and a Pilot; skip where nothing can be built."""
    program = compiled(folder)
    with (
        source(services, profile) as (told, mcp),
        crowded_pilot(folder, mcp, transport=transport) as pilot,
    ):
        told.says("watch")
        yield Scene(program, told, pilot, count())
