"""How fast Pilot, or a peer, delivers: many proxies, one change, the last ACK.

The proxies are played by ``load/xdsload``, configuration comes from
``load/mcpsource.py`` over MCP; of what is measured only two addresses are known.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil
from measure import Figure

from meltemi.testkit.processes import Program, accepts, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comparison import Chosen, Peer, Size

LOAD = Path(__file__).parent / "load"
ROUNDS = 5
QUIET_SECONDS = 0.7
LIMIT_SECONDS = 600.0
CHANGES = ("endpoint", "weight", "add")
METADATA = (
    "CLUSTER_ID=Kubernetes",
    "ISTIO_VERSION=1.29.6",
    "INTERCEPTION_MODE=REDIRECT",
)


@dataclass
class Speaker:
    """A program that takes commands and answers with lines of JSON."""

    process: subprocess.Popen[str]
    name: str

    def do(self, command: str) -> None:
        """Give it a command."""
        assert self.process.stdin
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()

    def says(self, event: str) -> dict[str, object]:
        """Return its next line about ``event``."""
        assert self.process.stdout
        while line := self.process.stdout.readline():
            found: dict[str, object] = json.loads(line)
            if found.get("event") == event:
                return found
        raise RuntimeError(f"{self.name} ended before {event}")


@contextlib.contextmanager
def speaking(argv: list[str]) -> Iterator[Speaker]:
    """Run a program while the context lasts."""
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Speaker(process, argv[0])
    finally:
        process.kill()
        process.wait()


def generator(folder: Path) -> str:
    """Compile the load generator; say what is missing where that cannot be done."""
    made = folder / "xdsload"
    if not shutil.which("cc"):
        sys.exit("the load generator is C: install cc and libnghttp2-dev")
    argv = ["cc", "-O2", "-o", str(made), str(LOAD / "xdsload.c"), "-lnghttp2"]
    if subprocess.run(argv, check=False).returncode:
        sys.exit("the load generator was not compiled: install libnghttp2-dev")
    return str(made)


@contextlib.contextmanager
def pilot(folder: Path, source: int) -> Iterator[tuple[int, psutil.Process]]:
    """Run a Pilot that is fed from ``source``; yield its port, and its process."""
    ads, views = free_port(), free_port()
    environ = {
        **os.environ,  # noqa: TID251 - a program that starts another
        "PILOT_CONFIG_SOURCE": f"xds://127.0.0.1:{source}",
        "PILOT_XDS_ADDRESS": f"127.0.0.1:{ads}",
        "PILOT_HTTP_ADDRESS": f"127.0.0.1:{views}",
    }
    argv = [sys.executable, "-m", "meltemi.pilot"]
    program = Program(argv, lambda: accepts(ads), folder / "pilot.log", environ)
    with running(program):
        assert program.process
        yield ads, psutil.Process(program.process.pid)


def figures(chosen: Chosen) -> Iterator[Figure]:
    """Yield what each size costs, and the ratio to a peer measured in the same run.

    Each of the two is measured on its own, so that neither has the other's load.
    """
    for size, delta in product(chosen.sizes, (True, False)):
        ours = list(measured(size, delta=delta))
        yield from ours
        if chosen.peer is None:
            continue
        theirs = measured(size, delta=delta, peer=chosen.peer)
        by_name = {each.name: each for each in theirs}
        for each in ours:
            if found := by_name.get(each.name):
                yield Figure(f"peer: {each.name}", found.value, each.unit)
                yield Figure(f"ratio: {each.name}", each.value / found.value, "")


def measured(size: Size, *, delta: bool, peer: Peer | None = None) -> Iterator[Figure]:
    """Yield what one size costs: the connection of all, then changes one by one."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = peer.source if peer else free_port()
        source = stack.enter_context(speaking(_source(port, size)))
        source.says("listening")
        process = None
        if peer:
            ads = peer.ads
        else:
            ads, process = stack.enter_context(pilot(folder, port))
        source.says("watch")
        argv = [generator(folder), *_proxies(ads, size, delta=delta)]
        begun = _cpu(process)
        load = stack.enter_context(speaking(argv))
        ready = load.says("ready")
        title = f"{size} {'delta' if delta else 'sotw'}"
        full = ready["full_since_begin_s"]
        assert isinstance(full, dict)
        yield Figure(f"{title} connect all", full["max"], "s")
        yield from _spent(f"{title} connect all", process, begun)
        for change in CHANGES:
            yield from _changes(f"{title} {change}", change, (source, load), process)


def _changes(
    title: str,
    change: str,
    speakers: tuple[Speaker, Speaker],
    process: psutil.Process | None,
) -> Iterator[Figure]:
    """Yield the time to the last proxy of a change, and what it costs; of several."""
    source, load = speakers
    walls: list[float] = []
    begun = 0.0
    for number in range(ROUNDS + 1):
        name = f"{change}-{number}"
        source.do(f"prepare {name} {change} {number % 2}")
        prepared = source.says("prepared")
        load.do(f"mark {name} {prepared['types']} {prepared['marker']} {QUIET_SECONDS}")
        load.says("marked")
        source.do(f"go {name}")
        sent = source.says("sent")
        push = load.says("push")
        assert not push["timed_out"], push
        if number == 0:
            begun = _cpu(process)  # the first is for warming up
            continue
        walls.append(float(str(push["t_all"])) - float(str(sent["t"])))
    yield Figure(f"{title} last proxy, median of {ROUNDS}", median(walls) * 1000, "ms")
    if process:
        spent = (_cpu(process) - begun) / ROUNDS
        yield Figure(f"{title} CPU each", spent, "s")
        yield Figure(f"{title} RSS", process.memory_info().rss / 2**20, "MiB")


def _spent(
    title: str, process: psutil.Process | None, begun: float
) -> Iterator[Figure]:
    if process:
        yield Figure(f"{title} CPU", _cpu(process) - begun, "s")
        yield Figure(f"{title} RSS", process.memory_info().rss / 2**20, "MiB")


def _cpu(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def _source(port: int, size: Size) -> list[str]:
    routes = str(max(size.services // 10, 1))
    return [
        *(sys.executable, str(LOAD / "mcpsource.py"), "--port", str(port)),
        *("--services", str(size.services), "--virtual-services", routes),
    ]


def _proxies(ads: int, size: Size, *, delta: bool) -> list[str]:
    return [
        *("--port", str(ads), "--streams", str(size.proxies)),
        *("--services", str(size.services), "--timeout", str(LIMIT_SECONDS)),
        *(word for each in METADATA for word in ("--meta", each)),
        *(["--delta"] if delta else []),
    ]
