"""``meltemi ps``: which proxies there are, and which configuration they hold."""

from collections.abc import Mapping
from typing import Any

import typer

from meltemi.ctl.galley.client import failed, warn
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption

TYPES = ("cds", "eds", "lds", "rds", "vhds", "ecds")
HEADING = ("PROXY", "PILOT", "CONNECTED", "REVISION", *map(str.upper, TYPES))

NOBODY = (
    "note: no Pilot that answers Galley has a proxy; meltemi status shows whether the "
    "Pilots run"
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(ps)


def ps(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """List the proxies, and which configuration each of them holds."""
    answer = connect(state).get("/api/v1/proxies")
    warn(answer)
    if not answer.ok:
        raise failed(answer)
    show(answer.body, output, [HEADING, *(proxy_row(each) for each in answer.body)])
    if not answer.body:
        typer.echo(NOBODY, err=True)


def proxy_row(found: Mapping[str, Any]) -> list[str]:
    """Return a proxy as a row: a type is at its revision, or refused with a mark."""
    cells = []
    for name in TYPES:
        known = found["types"].get(name)
        cell = known["acked"] if known else "-"
        cells.append(f"{cell} REFUSED" if known and known["error"] else cell)
    connected = "yes" if found["connected"] else "no"
    return [found["proxy"], found["pilot"], connected, found["revision"] or "-", *cells]
