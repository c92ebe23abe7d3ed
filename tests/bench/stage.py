"""What a run of the delivery benchmark stands on: a mesh, a Pilot, and its proxies."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from measure import Figure

from meltemi.testkit.changes import Changes
from meltemi.testkit.corpus.profile import Profile
from meltemi.testkit.crowd import (
    Crowd,
    NoGeneratorError,
    Speaker,
    cpu_seconds,
    crowded_pilot,
    generator,
    resident_mib,
    source,
    speaking,
)
from meltemi.testkit.played_trust import PlayedTrust
from meltemi.testkit.witness import Form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comparison import Peer, Size

    from meltemi.testkit.changes import Push

QUIET_SECONDS = 0.7
LIMIT_SECONDS = 600
APART = ("--vhds", "--meta", "MELTEMI_VHDS=true")
OFTEN = ("--retry-base", "0.02", "--retry-max", "0.05")
"""How a proxy that waits for a Pilot to start comes back."""


@dataclass(frozen=True)
class Scale:
    """Which mesh is played, to how many, and how it travels."""

    size: Size
    form: Form
    profile: Profile = Profile.HTTP
    seed: int = 1
    pilots: int = 1
    """Pilots that the proxies are split among."""
    tls: bool = False
    """Proxies and Pilots show each other certificates."""

    def __str__(self) -> str:
        return f"{self.mesh} {self.form}"

    @property
    def mesh(self) -> str:
        """What is said of it however it travels."""
        told = [str(self.size)]
        if self.profile is not Profile.HTTP:
            told.append(self.profile)
        if self.pilots > 1:
            told.append(f"{self.pilots} Pilots")
        if self.tls:
            told.append("mTLS")
        return " ".join(told)

    @property
    def aimed_at(self) -> bool:
        """Whether the targets are of it, but for its size."""
        return self.profile is Profile.HTTP and self.pilots == 1 and not self.tls

    def crowd(self) -> Crowd:
        """Return its proxies, in plain text."""
        return Crowd(
            self.size.proxies,
            self.size.services,
            delta=self.form.incremental,
            more=(
                "--timeout",
                str(LIMIT_SECONDS),
                *(APART if self.form is Form.VHDS else ()),
            ),
        )


@dataclass(frozen=True)
class Stage:
    """One mesh at one scale, up and connected."""

    scale: Scale
    folder: Path
    ads: int
    source: Speaker
    load: Speaker
    ours: bool
    """False: a peer."""
    processes: tuple[psutil.Process, ...]
    """What serves the proxies; none: a peer of which only addresses are known."""
    ready: dict[str, Any]
    """What the proxies counted until all were connected."""
    cpu_seconds: float
    """Processor time before they came."""

    @property
    def title(self) -> str:
        """What its figures are called by."""
        return str(self.scale)

    @property
    def changes(self) -> Changes:
        """The changes that can be made to it."""
        apart = self.scale.form is Form.VHDS
        return Changes(self.source, self.load, QUIET_SECONDS, LIMIT_SECONDS, apart)

    def change(self, name: str, change: str, which: int = 0) -> Push:
        """Make a change; tell how it came to the proxies in reach of it."""
        return self.changes.make(name, change, which)

    def spent(self, title: str, before: float, runs: int = 1) -> Iterator[Figure]:
        """Yield the processor time since ``before``, the mean of runs, and memory.

        Memory is of the largest process, where there are several.
        """
        if self.processes:
            took = (self.spent_before - before) / runs
            yield Figure(f"{self.title} {title} CPU", took, "s", samples=runs)
            most = max(resident_mib(each) for each in self.processes)
            yield Figure(f"{self.title} {title} RSS", most, "MiB")

    @property
    def spent_before(self) -> float:
        """Processor time until now, of all processes together."""
        return sum(map(cpu_seconds, self.processes))


@contextlib.contextmanager
def staged(scale: Scale, peer: Peer | None = None) -> Iterator[Stage]:
    """Have every proxy connected while the context lasts."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = compiled(folder)
        crowd = scale.crowd()
        mesh = source(
            scale.size.services,
            scale.profile,
            port=peer.source if peer else 0,
            seed=scale.seed,
        )
        told, mcp = stack.enter_context(mesh)
        trust = PlayedTrust.of(folder / "trust", crowd) if scale.tls else None
        made = [
            stack.enter_context(crowded_pilot(folder, mcp, trust=trust))
            for _ in range(0 if peer else scale.pilots)
        ]
        processes = tuple(each.process for each in made)
        if peer and peer.process:
            processes = (psutil.Process(peer.process),)
        told.says("watch")
        ads = [peer.ads] if peer else [each.ads for each in made]
        doors = [each.secure for each in made] if trust else ads
        shown = ("--tls", str(trust.folder)) if trust else ()
        crowd = replace(crowd, more=(*crowd.more, *shown))
        before = sum(map(cpu_seconds, processes))
        load = stack.enter_context(speaking(crowd.argv(program, *doors)))
        ready = load.says("ready")
        yield Stage(
            scale, folder, ads[0], told, load, peer is None, processes, ready, before
        )


def compiled(folder: Path) -> str:
    """Return the generator of load; end the program where it cannot be had."""
    try:
        return generator(folder)
    except NoGeneratorError as error:
        sys.exit(str(error))


def started(scale: Scale) -> float:
    """Return the seconds from the start of a Pilot until it has served one proxy."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = compiled(folder)
        services = scale.size.services
        mesh = source(services, scale.profile, seed=scale.seed)
        _, mcp = stack.enter_context(mesh)
        begun = time.perf_counter()  # one clock with the generator
        made = stack.enter_context(crowded_pilot(folder, mcp))
        argv = Crowd(1, services, more=OFTEN).argv(program, made.ads)
        served = stack.enter_context(speaking(argv)).says("ready")
        return float(served["t"]) - begun


def load_average(title: str) -> Figure:
    """Tell how busy the machine was in the last minute."""
    return Figure(f"{title} load average before", os.getloadavg()[0], "")
