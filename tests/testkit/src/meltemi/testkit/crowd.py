"""Proxies by the hundred, played by one program, and a mesh that another one tells.

Both are of the benchmark (``tests/bench/load``): a generator of load in C, and a source
of configuration that speaks Istio's MCP. They take commands and answer in JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from meltemi.testkit.corpus.profile import Profile
from meltemi.testkit.processes import Program, accepts, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.testkit.played_trust import PlayedTrust

LOAD = Path(__file__).parents[4] / "bench" / "load"
NAMESPACES = 50
METADATA = (
    "CLUSTER_ID=Kubernetes",
    "ISTIO_VERSION=1.29.6",
    "INTERCEPTION_MODE=REDIRECT",
)
MISBEHAVING = ("slow", "silent", "wedged", "flapping", "nacking", "garbage")
"""What ``xdsload --conduct`` knows, beside good."""


class NoGeneratorError(RuntimeError):
    """The generator of load could not be compiled here."""


@dataclass
class Speaker:
    """A program that takes commands and answers with lines of JSON."""

    process: subprocess.Popen[str]
    name: str
    heard: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What it said and nobody asked for yet."""

    def do(self, command: str) -> None:
        """Give it a command."""
        assert self.process.stdin
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()

    def says(self, event: str, about: str = "") -> dict[str, Any]:
        """Return the first it says of ``event``, with the id ``about`` if that is given.

        Raises:
            RuntimeError: If it ends before it says so.

        """
        for number, each in enumerate(self.heard):
            if _is(each, event, about):
                return self.heard.pop(number)
        assert self.process.stdout
        while line := self.process.stdout.readline():
            found: dict[str, Any] = json.loads(line)
            if _is(found, event, about):
                return found
            self.heard.append(found)
        raise RuntimeError(f"{self.name} ended before it said {event!r} {about}")

    def state(self) -> dict[str, Any]:
        """Return what a generator of load counted until now."""
        self.do("stats")
        return self.says("stats")


def _is(said: dict[str, Any], event: str, about: str) -> bool:
    return said.get("event") == event and about in ("", said.get("id"))


@contextlib.contextmanager
def speaking(argv: list[str]) -> Iterator[Speaker]:
    """Run a program while the context lasts."""
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield Speaker(process, argv[0])
        finally:
            process.kill()


def generator(folder: Path) -> str:
    """Compile the generator of load into ``folder``.

    Raises:
        NoGeneratorError: If that cannot be done; it says what is missing.

    """
    made = folder / "xdsload"
    if not shutil.which("cc"):
        raise NoGeneratorError(
            "the load generator is C: install cc (gcc, libc6-dev), libnghttp2-dev"
            " and libssl-dev"
        )
    libraries = ("-lnghttp2", "-lssl", "-lcrypto")
    argv = ["cc", "-O2", "-o", str(made), str(LOAD / "xdsload.c"), *libraries]
    if subprocess.run(argv, check=False).returncode:
        raise NoGeneratorError(
            "the load generator was not compiled: install libnghttp2-dev and libssl-dev"
        )
    return str(made)


@dataclass(frozen=True)
class Crowd:
    """Proxies that one generator plays.

    Attributes:
        proxies: How many.
        services: Proxy i stands for an endpoint of service i modulo this.
        first: The number of the first.
        delta: Whether they speak the incremental variant.
        conduct: How they behave, ``slow+nacking`` by turns; empty: well.
        more: Further options of xdsload.

    """

    proxies: int
    services: int
    first: int = 0
    delta: bool = True
    conduct: str = ""
    more: tuple[str, ...] = ()

    def argv(self, program: str, *ads: int) -> list[str]:
        """Return how to play them, by turns, against the ports ``ads``."""
        ports = "+".join(map(str, ads))
        return [
            *(program, "--port", ports, "--streams", str(self.proxies)),
            *("--services", str(self.services), "--first", str(self.first)),
            *("--namespaces", str(NAMESPACES)),
            *(word for each in METADATA for word in ("--meta", each)),
            *(["--delta", "--resume"] if self.delta else []),
            *(["--conduct", self.conduct] if self.conduct else []),
            *self.more,
        ]


@contextlib.contextmanager
def source(
    services: int,
    profile: Profile = Profile.HTTP,
    *,
    port: int = 0,
    routes: int = 0,
    seed: int = 1,
) -> Iterator[tuple[Speaker, int]]:
    """Tell a mesh of so many services and VirtualServices; yield where, too."""
    port = port or free_port()
    argv = [
        *(sys.executable, str(LOAD / "mcpsource.py"), "--port", str(port)),
        *("--services", str(services), "--namespaces", str(NAMESPACES)),
        *("--virtual-services", str(routes or max(services // 10, 1))),
        *("--corpus", profile, "--seed", str(seed)),
    ]
    with speaking(argv) as made:
        made.says("listening")
        yield made, port


@dataclass(frozen=True)
class CrowdedPilot:
    """A Pilot that runs as a process of its own."""

    ads: int
    views: int
    process: psutil.Process
    secure: int = 0
    """Where it serves with mutual TLS; 0: nowhere."""

    @property
    def cpu_seconds(self) -> float:
        """Processor time it took until now."""
        return cpu_seconds(self.process)

    @property
    def resident_mib(self) -> float:
        """Memory it holds."""
        return resident_mib(self.process)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process took until now."""
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_mib(process: psutil.Process) -> float:
    """Return the memory that a process holds."""
    return float(process.memory_info().rss / 2**20)


@contextlib.contextmanager
def crowded_pilot(
    folder: Path, mcp: int, *, transport: str = "", trust: PlayedTrust | None = None
) -> Iterator[CrowdedPilot]:
    """Run a Pilot that reads its mesh from the port ``mcp``.

    ``transport``: what carries its streams; empty: what PILOT_TRANSPORT says.
    ``trust``: who signs for it, if it serves with mutual TLS too.
    """
    ads, views = free_port(), free_port()
    secure = free_port() if trust else 0
    environ = {
        **os.environ,  # noqa: TID251 - a program that starts another
        "PILOT_CONFIG_SOURCE": f"xds://127.0.0.1:{mcp}",
        "PILOT_XDS_ADDRESS": f"127.0.0.1:{ads}",
        "PILOT_HTTP_ADDRESS": f"127.0.0.1:{views}",
        **({"PILOT_TRANSPORT": transport} if transport else {}),
        **(trust.environ(secure) if trust else {}),
    }
    argv = [sys.executable, "-m", "meltemi.pilot"]
    log = folder / f"pilot-{ads}.log"
    program = Program(argv, lambda: accepts(secure or ads), log, environ)
    with running(program):
        assert program.process
        process = psutil.Process(program.process.pid)
        yield CrowdedPilot(ads, views, process, secure)
