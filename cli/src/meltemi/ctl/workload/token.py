"""The token a workload joins with: from a file, standard input or a variable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import typer

from meltemi.ctl.workload.wish import BadWishError

STDIN: Final = Path("-")
MOST_BYTES: Final = 65_536
SEEN: Final = (
    "who lists this machine's processes sees --token: better give --token-file FILE, "
    "- for standard input, or the variable MELTEMI_TOKEN"
)


def token_said(context: typer.Context, text: str, file: Path | None) -> str:
    """Return the token, and warn of one that is a word of the command.

    Raises:
        BadWishError: If there is none, or two are said.

    """
    source = context.get_parameter_source("token")
    if source is not None and source.name == "COMMANDLINE":
        if file is not None:
            raise BadWishError("--token and --token-file are both given: say one")
        typer.echo(f"meltemi: {SEEN}", err=True)
    return token_of(text, file)


def token_of(text: str, file: Path | None) -> str:
    """Return the token that is in ``file``, standard input if that is ``-``, or said.

    Raises:
        BadWishError: If there is none.

    """
    if file is not None:
        try:
            text = _read(file)
        except (OSError, UnicodeDecodeError) as error:
            raise BadWishError(f"--token-file {file}: {error}") from None
    if not text.strip():
        raise BadWishError(
            "no token: say --token-file, - for standard input, or set MELTEMI_TOKEN; "
            "who runs the mesh makes one with meltemi token create --ns NAMESPACE "
            "--sa ACCOUNT"
        )
    return text.strip()


def _read(file: Path) -> str:
    if file == STDIN:
        return sys.stdin.buffer.read(MOST_BYTES).decode("ascii")
    return file.read_text(encoding="ascii")
