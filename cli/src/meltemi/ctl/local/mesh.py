"""The mesh in one folder: its plan, what of it runs, starting and ending parts."""

from __future__ import annotations

import secrets
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from meltemi.ctl.local import processes
from meltemi.ctl.local.admission import make_secret, read_secret, write_accounts
from meltemi.ctl.local.layout import Layout
from meltemi.ctl.local.plan import MESH, PILOTS, plan, port_names
from meltemi.ctl.local.pods.plan import PODS, in_pods, network, network_file
from meltemi.ctl.local.ports import choose_ports, is_free
from meltemi.ctl.local.record import (
    Captured,
    Mode,
    NoMeshError,
    OtherVersionError,
    Record,
    read_record,
    write_private,
    write_record,
)
from meltemi.ctl.local.web import is_ready, lacks
from meltemi.kernel.clock import SystemClock
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from meltemi.ctl.local.interrupts import Interrupt
    from meltemi.ctl.local.layout import Tools
    from meltemi.ctl.local.part import Part
    from meltemi.ctl.local.record import Running

READY_SECONDS = 45.0
POLL_SECONDS = 0.05
GRACE_SECONDS = 8.0
LAST_LINES = 15
SOCKET_PATH_BYTES = 107
FILES = ("mesh.json", "admin.token", "lock", "audit.jsonl", "audit.jsonl.1")
OURS = ("accounts", "etcd", "citadel", "vault", "run", "tokens", "logs", "pods")
"""The folders that a mesh's parts fill."""


class PartFailedError(MeshError):
    """A part did not come up."""

    code = "local.part-failed"
    blame = Blame.PEER


class StatePathTooLongError(MeshError):
    """Sockets in this folder would have names that no program can open."""

    code = "local.state-path-too-long"
    blame = Blame.CALLER


class OtherSignerError(MeshError):
    """The mesh's certificates are signed by somebody else than is asked for now."""

    code = "local.other-signer"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Wish:
    """What a mesh should have; what it has already stays.

    Attributes:
        demo: The bookinfo applications.
        capture: How traffic gets into their proxies.
        vault: The program of a Vault server behind Citadel; empty: none is asked for.

    """

    demo: bool = False
    capture: Captured = field(default_factory=Captured)
    vault: str = ""


class LocalMesh:
    """What `meltemi up` made in ``state``."""

    def __init__(
        self, state: Path, record: Record, tools: Tools, environ: Mapping[str, str]
    ) -> None:
        strange = sorted(set(_wanted_ports(record)) - record.ports.keys())
        secret = read_secret(state)
        if strange or not secret:
            raise OtherVersionError(
                f"{state} holds a mesh without {', '.join(strange) or 'passwords'}: "
                "run meltemi down, then meltemi up"
            )
        self.state, self.record = state, record
        self.layout = Layout(state, record.ports, record.epoch, secret)
        self._tools = tools
        self.parts = self._planned()
        self._environ = processes.inherited(environ)
        self._clock = SystemClock()

    @classmethod
    def prepare(
        cls, state: Path, tools: Tools, environ: Mapping[str, str], *, wish: Wish
    ) -> LocalMesh:
        """Return the mesh in ``state``, given the ports and secrets that it lacks.

        Raises:
            OtherSignerError: If a Vault is wished for and Citadel has a root already.

        """
        old = read_record(state) or Record(secrets.token_hex(8), demo=False, ports={})
        if wish.vault and not old.vault and (state / "citadel").exists():
            raise OtherSignerError(
                f"the mesh in {state} has a root of Citadel's own, which a Vault would "
                "not know: run meltemi down --purge first, or choose another --state"
            )
        demo = wish.demo or (old.demo and bool(old.parts))
        old = msgspec.structs.replace(
            old,
            demo=demo,
            vault=wish.vault or old.vault,
            capture=wish.capture,
        )
        taken = dict(old.ports)
        if not any(map(processes.is_alive, old.parts.values())):
            taken = {name: port for name, port in taken.items() if is_free(port)}
        ports = choose_ports(_wanted_ports(old), taken, start=secrets.randbelow(10_000))
        record = msgspec.structs.replace(old, ports=ports)
        make_secret(state)
        mesh = cls(state, record, tools, environ)
        longest = max((str(mesh.layout.run(each.name)) for each in mesh.parts), key=len)
        if len(f"{longest}/xds.sock".encode()) > SOCKET_PATH_BYTES:
            raise StatePathTooLongError(
                f"{longest}/xds.sock is longer than {SOCKET_PATH_BYTES} bytes, which "
                "is all that a socket's path may have: choose a shorter --state"
            )
        write_record(state, record)
        write_accounts(mesh.layout, MESH)
        if not mesh.layout.admin_token.exists():
            token = secrets.token_urlsafe(32)
            write_private(mesh.layout.admin_token, f"{token}\n".encode())
        return mesh

    @classmethod
    def existing(
        cls, state: Path, tools: Tools, environ: Mapping[str, str]
    ) -> LocalMesh:
        """Return the mesh in ``state``.

        Raises:
            NoMeshError: If there is none.

        """
        record = read_record(state)
        if record is None or not record.parts:
            raise NoMeshError(f"no mesh is up in {state}: run meltemi up")
        return cls(state, record, tools, environ)

    def choose_config(self, folder: Path | None) -> None:
        """Have Galley keep ``folder`` in force; one that runs with another ends.

        None leaves it at the folder it had.
        """
        chosen = self.record.config if folder is None else str(folder.resolve())
        if chosen == self.record.config:
            return
        self.end(["galley"])
        self._keep(msgspec.structs.replace(self.record, config=chosen))
        self.parts = self._planned()

    @property
    def admin_token(self) -> str:
        """The token that writes need."""
        return self.layout.admin_token.read_text(encoding="utf-8").strip()

    def running(self, part: Part) -> Running | None:
        """Return the living process of ``part``."""
        running = self.record.parts.get(part.name)
        return running if running and processes.is_alive(running) else None

    def log(self, part: Part) -> Path:
        """Return where the output of ``part`` goes."""
        return self.state / "logs" / f"{part.name}.log"

    def start(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Start those of ``parts`` that do not run; return them."""
        missing = tuple(part for part in parts if self.running(part) is None)
        if any(part.name == PODS for part in missing):
            self.kill(part for part in self.parts if part.pod)
            write_private(network_file(self.layout), self._network())
        leftovers = [self.record.parts.get(part.name) for part in missing]
        processes.end((each for each in leftovers if each), grace=0)
        for part in missing:
            running = processes.spawn(part, self._environ, self.log(part))
            self._note({**self.record.parts, part.name: running})
        return missing

    def wait(
        self, parts: Iterable[Part], interrupt: Interrupt, tell: Callable[[Part], None]
    ) -> None:
        """Wait until all of ``parts`` are ready, telling of each as it is.

        Raises:
            PartFailedError: If one ends, or is not ready in time.

        """
        pending = list(parts)
        deadline = self._clock.monotonic() + READY_SECONDS
        while pending:
            interrupt.check()
            for part in list(pending):
                if self.running(part) is None:
                    raise self._failure(part, "it ended")
                if is_ready(part.ready):
                    pending.remove(part)
                    tell(part)
            if pending and self._clock.monotonic() > deadline:
                said = lacks(pending[0].ready)
                why = f"it is not ready after {READY_SECONDS:.0f} s"
                raise self._failure(pending[0], f"{why}: {said}" if said else why)
            time.sleep(POLL_SECONDS)

    def _failure(self, part: Part, why: str) -> PartFailedError:
        log = self.log(part)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        words = "\n".join(f"  {line}" for line in lines[-LAST_LINES:])
        return PartFailedError(
            f"{part.name} did not come up: {why}; the end of {log}:\n{words}"
        )

    def kill(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """SIGKILL ``parts`` and their children; they stay parts of the mesh.

        With the pods goes whoever is in them: there is no way to them any more.
        Returns all that were killed.
        """
        names = {part.name for part in parts}
        whole = PODS in names
        dying = [p for p in self.parts if p.name in names or (whole and p.pod)]
        names = {part.name for part in dying}
        chosen = {n: each for n, each in self.record.parts.items() if n in names}
        processes.end(chosen.values(), grace=0)
        return tuple(dying)

    def end(self, names: Iterable[str]) -> None:
        """End the parts ``names``, last stage first, and forget them."""
        self.record = end_parts(self.state, self.record, names)

    def _planned(self) -> tuple[Part, ...]:
        parts = plan(
            self.layout,
            self._tools,
            demo=self.record.demo,
            config=self.record.config,
            vault_binary=self.record.vault,
        )
        if not has_pods(self.record):
            return parts
        return in_pods(parts, self.layout, self._tools, self.record.capture.mode)

    def _network(self) -> bytes:
        rootless = self.record.capture.mode is Mode.ROOTLESS
        return msgspec.json.encode(network(self.layout, PILOTS, rootless=rootless))

    def _note(self, parts: Mapping[str, Running]) -> None:
        self._keep(msgspec.structs.replace(self.record, parts=parts))

    def _keep(self, record: Record) -> None:
        self.record = record
        write_record(self.state, record)


def _wanted_ports(record: Record) -> tuple[str, ...]:
    return port_names(
        demo=record.demo, with_vault=bool(record.vault), in_pods=has_pods(record)
    )


def has_pods(record: Record) -> bool:
    """Tell whether the mesh's workloads are in pods."""
    return record.demo and record.capture.mode.transparent


def end_parts(state: Path, record: Record, names: Iterable[str]) -> Record:
    """End the parts ``names``, last stage first; return and write what is left."""
    ending = {name: record.parts[name] for name in names if name in record.parts}
    for stage in sorted({each.stage for each in ending.values()}, reverse=True):
        processes.end(
            (each for each in ending.values() if each.stage == stage),
            grace=GRACE_SECONDS,
        )
    for socket in state.glob("run/*/*.sock"):
        if socket.parent.name in ending:
            socket.unlink(missing_ok=True)
    kept = {name: each for name, each in record.parts.items() if name not in ending}
    left = msgspec.structs.replace(record, parts=kept)
    write_record(state, left)
    return left


def purge(state: Path) -> None:
    """Remove what a mesh wrote in ``state``, and nothing else."""
    for name in OURS:
        shutil.rmtree(state / name, ignore_errors=True)
    for name in FILES:
        (state / name).unlink(missing_ok=True)
    if state.exists() and not any(state.iterdir()):
        state.rmdir()
