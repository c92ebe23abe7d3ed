"""Where the local mesh keeps its state, and the option that says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def default_state() -> Path:
    """Return ``$XDG_STATE_HOME/meltemi``, by default ``~/.local/state/meltemi``.

    Source:
        XDG Base Directory Specification: a relative path there is to be ignored.

    """
    named = os.environ.get("XDG_STATE_HOME", "")  # noqa: TID251 - the CLI's own setting
    home = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return home / "meltemi"


StateOption = Annotated[
    Path,
    typer.Option(
        "--state",
        envvar="MELTEMI_STATE",
        default_factory=default_state,
        help="Where the local mesh keeps its state.",
        show_default="$XDG_STATE_HOME/meltemi",
    ),
]
