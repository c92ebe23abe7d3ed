"""``mesh.json``: what of the mesh runs, and where; the launcher's only memory."""

from __future__ import annotations

import os
from collections.abc import Mapping  # noqa: TC003 - msgspec reads it
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "mesh.json"


class UnreadableStateError(MeshError):
    """``mesh.json`` is not what we wrote."""

    code = "local.unreadable-state"
    blame = Blame.CALLER


class NoMeshError(MeshError):
    """There is no mesh in this folder."""

    code = "local.no-mesh"
    blame = Blame.CALLER


class OtherVersionError(MeshError):
    """The mesh was started by a version that had other parts."""

    code = "local.other-version"
    blame = Blame.CALLER


class Mode(StrEnum):
    """How an application's traffic gets into its proxy."""

    EXPLICIT = "explicit"
    """It calls ports of its own proxy."""
    ROOTLESS = "rootless"
    """Rules send it there, in namespaces that any user may make."""
    ROOT = "root"
    """Likewise, in namespaces that root makes."""

    @property
    def transparent(self) -> bool:
        """Whether applications need not know of it."""
        return self is not Mode.EXPLICIT


class Running(msgspec.Struct, frozen=True):
    """A process of ours: a pid alone may belong to somebody else by now."""

    pid: int
    started: float
    """Seconds since the epoch, as the kernel has it."""

    stage: int = 0
    """The stage it was started in: what came last ends first."""


class Captured(msgspec.Struct, frozen=True):
    """How traffic gets into the proxies, and why so."""

    mode: Mode = Mode.EXPLICIT
    why: str = ""


class Record(msgspec.Struct, frozen=True):
    """The mesh in one folder."""

    epoch: str
    demo: bool
    ports: Mapping[str, int]
    parts: Mapping[str, Running] = {}
    capture: Captured = Captured()
    config: str = ""
    """The folder that Galley keeps in force; empty: none."""

    vault: str = ""
    """The Vault server behind Citadel, a program's path; empty: none."""


def read_record(state: Path) -> Record | None:
    """Return what is recorded in ``state``; None when nothing is.

    Raises:
        UnreadableStateError: If the file is damaged.

    """
    path = state / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise UnreadableStateError(
            f"{path}: {error}; end what runs by hand, then remove the file"
        ) from None


def write_record(state: Path, record: Record) -> None:
    """Replace what is recorded: all of it or, when we are killed, nothing of it."""
    text = msgspec.json.format(msgspec.json.encode(record), indent=1)
    write_private(state / FILE, text)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(0o600, exist_ok=False)
    with beside.open("wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    beside.replace(path)
