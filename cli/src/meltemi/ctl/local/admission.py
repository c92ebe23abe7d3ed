"""Users in the ledger and on the bell of a local mesh, made before anybody comes."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from meltemi.ctl.local.accounts import (
    ACCOUNTS,
    SUPERUSER,
    bus_configuration,
    ledger_steps,
    password,
)
from meltemi.ctl.local.record import write_private
from meltemi.ctl.local.web import OK
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meltemi.ctl.galley.client import Galley
    from meltemi.ctl.local.layout import Layout

SEED = "accounts/seed"
"""Where in a mesh's folder it lies."""
THERE = "already"
"""What etcd says of a user, a role or a grant that was made before."""


class LedgerLockedError(MeshError):
    """The ledger's users are not those of this mesh."""

    code = "local.ledger-locked"
    blame = Blame.CALLER


def read_secret(state: Path) -> str:
    """Return what the mesh's passwords are made of; empty where nothing is kept."""
    try:
        return (state / SEED).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def make_secret(state: Path) -> None:
    """Draw the mesh's secret, unless it has one."""
    if not read_secret(state):
        write_private(state / SEED, f"{secrets.token_hex(16)}\n".encode())


def write_accounts(layout: Layout, mesh: str) -> None:
    """Write the bell's configuration, and each service's password for the ledger."""
    text = bus_configuration(layout.secret, mesh)
    write_private(layout.bus_configuration, text.encode())
    for name in ACCOUNTS:
        word = password(layout.secret, name)
        write_private(layout.ledger_password(name), f"{word}\n".encode())


def lock_ledger(etcd: Galley, secret: str, mesh: str) -> None:
    """Make the ledger's users and have it ask for them; twice changes nothing.

    Raises:
        LedgerLockedError: If it asks for others already, or refuses a step.

    """
    root = {"name": SUPERUSER, "password": password(secret, SUPERUSER)}
    status, words = _told(etcd, "authenticate", root)
    if status == OK:
        return
    if "not enabled" not in words:
        raise LedgerLockedError(
            f"etcd does not know this mesh's users: {words}; run meltemi down --purge"
        )
    for path, body in ledger_steps(secret, mesh):
        status, words = _told(etcd, path, body)
        if status != OK and THERE not in words:
            raise LedgerLockedError(f"etcd, auth/{path}: {words}")


def _told(etcd: Galley, path: str, body: Mapping[str, object]) -> tuple[int, str]:
    answer = etcd.send("POST", f"/v3/auth/{path}", json.dumps(body).encode())
    if isinstance(answer.body, dict):
        return answer.status, str(answer.body.get("error", ""))
    return answer.status, str(answer.body)
