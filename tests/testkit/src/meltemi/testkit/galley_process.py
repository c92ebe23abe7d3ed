"""Galley as it runs: its own process, a real etcd, a real NATS server."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from meltemi.testkit.processes import (
    Program,
    etcd_server,
    free_port,
    nats_server,
    python,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meltemi.testkit.processes import EtcdServer

BEARER = {"Authorization": "Bearer secret"}
"""What administrators send."""


@dataclass(frozen=True)
class GalleyProcess:
    """A Galley, and where it listens."""

    program: Program
    port: int

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Grounds:
    """What a Galley needs around it."""

    etcd: EtcdServer
    nats: str
    directory: Path

    def galley(self, name: str = "galley-0", argv: Sequence[str] = ()) -> GalleyProcess:
        """Return a Galley that is still to be started; the token is ``secret``."""
        token, port = self.directory / "token", free_port()
        token.write_text("secret\n", encoding="ascii")
        environ = {
            "PATH": os.defpath,
            "GALLEY_NAME": name,
            "GALLEY_HTTP_ADDRESS": f"127.0.0.1:{port}",
            "GALLEY_ETCD_ENDPOINTS": self.etcd.address,
            "GALLEY_NATS_URL": self.nats,
            "GALLEY_ADMIN_TOKEN_FILE": str(token),
        }
        program = Program(
            argv or python("meltemi.galley"),
            lambda: _ready(port),
            self.directory / f"{name}.log",
            environ,
        )
        return GalleyProcess(program, port)


@contextlib.contextmanager
def grounds(directory: Path) -> Iterator[Grounds]:
    """Run etcd and NATS; logs and the token are put into ``directory``."""
    with etcd_server() as etcd, nats_server() as nats:
        yield Grounds(etcd, nats.url, directory)


@contextlib.contextmanager
def started(galley: GalleyProcess) -> Iterator[GalleyProcess]:
    """Run ``galley`` while the context lasts."""
    with running(galley.program):
        yield galley


def _ready(port: int) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        url = f"http://127.0.0.1:{port}/readyz"
        return httpx2.get(url, timeout=1, trust_env=False).is_success
    return False
