"""What the delivery benchmark is to measure, and against whom."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from meltemi.testkit.corpus.profile import Profile

if TYPE_CHECKING:
    import argparse


@dataclass(frozen=True)
class Size:
    """How many services there are, and how many proxies."""

    services: int
    proxies: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Return the size ``SERVICESxPROXIES``."""
        services, _, proxies = text.partition("x")
        return cls(int(services), int(proxies))

    def __str__(self) -> str:
        return f"{self.services}x{self.proxies}"


@dataclass(frozen=True)
class Peer:
    """A control plane that runs already: where it serves, where it asks for MCP."""

    ads: int
    source: int
    process: int = 0
    """Its process, whose processor time and memory are told; 0: they are not known."""


@dataclass
class Chosen:
    """What was asked for on the command line."""

    sizes: tuple[Size, ...] = ()
    peer: Peer | None = None
    churn_seconds: float = 0.0
    witnesses: int = 0
    soak_seconds: float = 0.0
    profile: Profile = Profile.HTTP
    seed: int = 1
    samples: int = 5
    pilots: int = 1
    tls: bool = False

    def told(self) -> dict[str, object]:
        """Return it as the report says it: of a peer that there was one."""
        return {
            "sizes": [str(each) for each in self.sizes],
            "corpus": self.profile,
            "seed": self.seed,
            "samples": self.samples,
            "pilots": self.pilots,
            "tls": self.tls,
            "churn_seconds": self.churn_seconds,
            "witnesses": self.witnesses,
            "soak_seconds": self.soak_seconds,
            "peer": self.peer is not None,
        }


CHOSEN = Chosen()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let the command line say what to measure."""
    add = parser.add_argument
    add("--sizes", default="100x100", help="delivery: SERVICESxPROXIES, by comma")
    add(
        "--corpus",
        choices=[*map(str, Profile)],
        default="http",
        help="delivery: which mesh",
    )
    add("--seed", type=int, default=1, help="delivery: the same seed, the same mesh")
    add("--samples", type=int, default=5, help="delivery: single changes of each kind")
    add("--pilots", type=int, default=1, help="delivery: Pilots that share the proxies")
    add("--tls", action="store_true", help="delivery: proxies show a certificate")
    add("--churn", type=float, default=60, help="delivery: seconds of changes, 0: none")
    add("--witnesses", type=int, default=5, help="delivery: real Envoys, 0: none")
    add("--soak", type=float, default=300, help="soak: seconds on each transport")
    add("--peer-ads", default="", help="delivery: HOST:PORT where another Pilot serves")
    add("--peer-source", default="", help="delivery: HOST:PORT where it asks for MCP")
    add("--peer-pid", type=int, default=0, help="delivery: its process, if it is one")


def take(said: argparse.Namespace) -> None:
    """Keep what the command line said; end the program where it makes no sense."""
    CHOSEN.sizes = tuple(Size.parse(each) for each in str(said.sizes).split(","))
    CHOSEN.churn_seconds, CHOSEN.witnesses = float(said.churn), int(said.witnesses)
    CHOSEN.soak_seconds = float(said.soak)
    CHOSEN.samples, CHOSEN.pilots = int(said.samples), int(said.pilots)
    CHOSEN.tls = bool(said.tls)
    CHOSEN.profile, CHOSEN.seed = Profile(said.corpus), int(said.seed)
    ads, source = str(said.peer_ads), str(said.peer_source)
    if bool(ads) != bool(source):
        sys.exit("a peer is --peer-ads and --peer-source, both HOST:PORT")
    if min(CHOSEN.samples, CHOSEN.pilots) < 1:
        sys.exit("--samples and --pilots begin at 1")
    if ads:
        CHOSEN.peer = Peer(_port(ads), _port(source), int(said.peer_pid))
        if CHOSEN.pilots > 1 or CHOSEN.tls:
            sys.exit("a peer is compared with one Pilot in plain text")
        if CHOSEN.peer.process and not psutil.pid_exists(CHOSEN.peer.process):
            sys.exit(f"--peer-pid {CHOSEN.peer.process}: there is no such process")
    elif said.peer_pid:
        sys.exit("--peer-pid is of a peer: say --peer-ads and --peer-source too")


def _port(address: str) -> int:
    host, _, port = address.rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        sys.exit(f"{address}: the benchmark talks to 127.0.0.1 only")
    return int(port)
