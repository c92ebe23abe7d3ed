"""Finding the Galley of the running mesh, and its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.ctl.galley.client import Galley
from meltemi.ctl.local.plan import Layout
from meltemi.ctl.local.record import NoMeshError, Record, read_record

if TYPE_CHECKING:
    from pathlib import Path


def running(state: Path) -> tuple[Record, Layout]:
    """Return the mesh recorded in ``state``.

    Raises:
        NoMeshError: If none is up there.

    """
    record = read_record(state)
    if record is None or not record.parts:
        raise NoMeshError(f"no mesh is up in {state}: run meltemi up --demo")
    return record, Layout(state, record.ports, record.epoch)


def connect(state: Path) -> Galley:
    """Return Galley with the admin token, as whoever can read it is the admin.

    Raises:
        NoMeshError: If no mesh is up.

    """
    _, layout = running(state)
    token = layout.admin_token.read_text(encoding="utf-8").strip()
    return Galley(f"http://{layout.at('galley')}", token)
