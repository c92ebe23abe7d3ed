"""``meltemi workload unit``: the command that joins, as a systemd unit."""

import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from meltemi.ctl.workload import commands
from meltemi.ctl.workload.commands import join, port_and_place, workload
from meltemi.ctl.workload.unit import Unit, unit_text
from meltemi.ctl.workload.wish import BadWishError, name_of

ETC = Path("/etc/meltemi")


def register(app: typer.Typer) -> None:
    """Add all commands of workloads to ``app``."""
    commands.register(app)


@workload.command("unit", context_settings={"allow_interspersed_args": False})
def systemd_unit(
    url: Annotated[str, typer.Argument(metavar="URL", help="Galley's: https://HOST.")],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[JOIN OPTIONS] [-- CMD...]", help="As for meltemi workload join."
        ),
    ],
    *,
    credential: Annotated[
        Path, typer.Option(help="The file of the token, for root alone to read.")
    ] = ETC / "token",
    user: Annotated[str, typer.Option(help="Whose the processes are.")] = "meltemi",
) -> None:
    """Print a systemd unit that joins the mesh at URL when the machine starts."""
    told = parsed_join(url, words)
    name = told["name"] or name_of(told["service"], socket.gethostname())
    program = shutil.which("meltemi") or str(Path(sys.argv[0]).absolute())
    token = str(credential.absolute())
    captured = bool(told["captured"])
    made = Unit(name, url, tuple(words), program, token, user, captured)
    typer.echo(unit_text(made), nl=False)


def parsed_join(url: str, words: Sequence[str]) -> dict[str, Any]:
    """Return what ``meltemi workload join`` would take ``words`` for.

    Raises:
        BadWishError: If the token is among them: anybody may read a unit.

    """
    alone = typer.Typer(add_completion=False)
    alone.command()(join)
    reading = typer.main.get_command(alone)
    with reading.make_context("join", [url, *words]) as context:
        told: dict[str, Any] = dict(context.params)
    port_and_place(told["port"], told["app"])
    if told["token"] or told["token_file"]:
        raise BadWishError(
            "anybody may read a unit: put the token into a file that only root reads, "
            "and name that with --credential"
        )
    return told
