"""The workloads of this machine: a folder each, and who runs in it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import psutil

from meltemi.ctl.local.ports import choose_ports, is_free
from meltemi.ctl.local.processes import is_alive
from meltemi.ctl.local.record import Running, write_private
from meltemi.ctl.workload.plan import PORTS, Place
from meltemi.ctl.workload.wish import BadWishError
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meltemi.credentials.invitation import Invitation

FILE: Final = "workload.json"
NAME: Final = re.compile("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
LEAVE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05


class NoWorkloadError(MeshError):
    """No workload of this name runs here."""

    code = "workload.not-here"
    blame = Blame.CALLER


class NotLeftError(MeshError):
    """The workload was asked to end, and did not."""

    code = "workload.not-left"
    blame = Blame.PEER


class Joined(msgspec.Struct, frozen=True):
    """What is remembered of a workload."""

    ports: dict[str, int]
    process: Running


@dataclass(frozen=True, slots=True)
class Home:
    """Where the workload ``name`` keeps what is its own."""

    state: Path
    name: str

    def __post_init__(self) -> None:
        """Raise `BadWishError` for a name that would lead out of the folder."""
        if not NAME.fullmatch(self.name):
            raise BadWishError(
                f"{self.name!r} is no name of a workload: expected lower-case letters, "
                "digits, - and ., such as hello-vm1"
            )

    @property
    def folder(self) -> Path:
        """Open to its owner alone."""
        return (self.state / "workloads" / self.name).absolute()

    def place(self, galley: str, ca: str) -> Place:
        """Return the place, with the ports it had before, where those are free."""
        known = self._read()
        before: Mapping[str, int] = known.ports if known else {}
        free = {name: port for name, port in before.items() if is_free(port)}
        ports = choose_ports(PORTS, free, start=secrets.randbelow(10_000))
        return Place(self.folder, ports, galley, ca)

    def settle(self, place: Place, token: str, invitation: Invitation) -> None:
        """Write what the agent reads, and who runs it: this process."""
        write_private(place.token, f"{token}\n".encode())
        write_private(place.roots, "".join(invitation.roots).encode())
        own = psutil.Process(os.getpid())
        joined = Joined(dict(place.ports), Running(own.pid, own.create_time()))
        write_private(self.folder / FILE, msgspec.json.encode(joined))

    def leave(self) -> None:
        """End the workload, wait until it is gone, and forget its credential.

        Raises:
            NoWorkloadError: If none runs here.
            NotLeftError: If it does not end within a minute.

        """
        known = self._read()
        if known is None or not is_alive(known.process):
            raise NoWorkloadError(
                f"no workload {self.name!r} runs from {self.folder.parent}: say where "
                "it does with --state, or remove an entry that nobody stands for with "
                f"meltemi delete workloadentry/{self.name}"
            )
        psutil.Process(known.process.pid).terminate()
        clock = SystemClock()
        deadline = clock.monotonic() + LEAVE_SECONDS
        while is_alive(known.process):
            if clock.monotonic() > deadline:
                raise NotLeftError(
                    f"{self.name} (process {known.process.pid}) still runs after "
                    f"{LEAVE_SECONDS:.0f} s: its application takes no SIGTERM?"
                )
            time.sleep(POLL_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self) -> Joined | None:
        try:
            raw = (self.folder / FILE).read_bytes()
            return msgspec.json.decode(raw, type=Joined)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise BadWishError(f"{self.folder / FILE}: {error}; remove it") from None
