"""What a run of the delivery benchmark stands on: a mesh, a Pilot, and its proxies."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import Figure

from meltemi.testkit.crowd import (
    Crowd,
    CrowdedPilot,
    NoGeneratorError,
    Speaker,
    crowded_pilot,
    generator,
    source,
    speaking,
)
from meltemi.testkit.witness import Form

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comparison import Peer, Size

QUIET_SECONDS = 0.7
LIMIT_SECONDS = 600
APART = ("--vhds", "--meta", "MELTEMI_VHDS=true")
OFTEN = ("--retry-base", "0.02", "--retry-max", "0.05")
"""How a proxy that waits for a Pilot to start comes back."""


@dataclass(frozen=True)
class Stage:
    """One size in one variant of the protocol, up and connected."""

    title: str
    size: Size
    form: Form
    folder: Path
    ads: int
    source: Speaker
    load: Speaker
    pilot: CrowdedPilot | None
    """None: a peer, of which only addresses are known."""
    ready: dict[str, Any]
    """What the proxies counted until all were connected."""
    cpu_seconds: float
    """Pilot's processor time before they came."""

    def change(self, name: str, change: str, which: int = 0) -> float:
        """Make a change; return the seconds until the last proxy acknowledged it."""
        self.arm(name, change, which)
        self.source.do(f"go {name}")
        sent, push = self.source.says("sent", name), self.load.says("push", name)
        if push["timed_out"]:
            raise TimeoutError(f"{self.title} {name}: {push['missing']} wait for it")
        return float(push["t_all"]) - float(sent["t"])

    def arm(self, name: str, change: str, which: int = 0) -> None:
        """Prepare a change, and have the proxies look out for it."""
        self.source.do(f"prepare {name} {change} {which}")
        told = self.source.says("prepared", name)
        types = str(told["types"])
        if self.form is Form.VHDS:
            types = types.replace("RDS", "VHDS")
        words = f"{types} {told['marker']} {QUIET_SECONDS} {LIMIT_SECONDS}"
        self.load.do(f"mark {name} {words}")
        self.load.says("marked", name)

    def spent(self, title: str, before: float, runs: int = 1) -> Iterator[Figure]:
        """Yield Pilot's processor time since ``before``, for each run, and memory."""
        if self.pilot:
            took = (self.pilot.cpu_seconds - before) / runs
            yield Figure(f"{self.title} {title} CPU", took, "s")
            yield Figure(f"{self.title} {title} RSS", self.pilot.resident_mib, "MiB")

    @property
    def spent_before(self) -> float:
        """Pilot's processor time until now."""
        return self.pilot.cpu_seconds if self.pilot else 0.0


@contextlib.contextmanager
def staged(size: Size, form: Form, peer: Peer | None = None) -> Iterator[Stage]:
    """Have every proxy of a size connected while the context lasts."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = compiled(folder)
        mesh = source(size.services, port=peer.source if peer else 0)
        told, mcp = stack.enter_context(mesh)
        made = None if peer else stack.enter_context(crowded_pilot(folder, mcp))
        told.says("watch")
        crowd = Crowd(
            size.proxies,
            size.services,
            delta=form.incremental,
            more=(
                "--timeout",
                str(LIMIT_SECONDS),
                *(APART if form is Form.VHDS else ()),
            ),
        )
        ads = peer.ads if peer else made.ads if made else 0
        before = made.cpu_seconds if made else 0.0
        load = stack.enter_context(speaking(crowd.argv(program, ads)))
        ready = load.says("ready")
        yield Stage(
            f"{size} {form}", size, form, folder, ads, told, load, made, ready, before
        )


def compiled(folder: Path) -> str:
    """Return the generator of load; end the program where it cannot be had."""
    try:
        return generator(folder)
    except NoGeneratorError as error:
        sys.exit(str(error))


def started(size: Size) -> float:
    """Return the seconds from the start of a Pilot until it has served one proxy."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = compiled(folder)
        _, mcp = stack.enter_context(source(size.services))
        begun = time.perf_counter()  # one clock with the generator
        made = stack.enter_context(crowded_pilot(folder, mcp))
        argv = Crowd(1, size.services, more=OFTEN).argv(program, made.ads)
        served = stack.enter_context(speaking(argv)).says("ready")
        return float(served["t"]) - begun


def load_average(title: str) -> Figure:
    """Tell how busy the machine was in the last minute."""
    return Figure(f"{title} load average before", os.getloadavg()[0], "")
