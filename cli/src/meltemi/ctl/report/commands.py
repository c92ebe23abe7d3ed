"""``meltemi bug-report``: made of a mesh, or read."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from meltemi.ctl.report.archive import (
    UnreadableReportError,
    read_report,
    write_report,
)
from meltemi.ctl.report.gathering import LACKS, Gathering, secrets_of
from meltemi.ctl.report.redaction import redacted
from meltemi.ctl.state import StateOption
from meltemi.ctl.table import table
from meltemi.kernel.clock import SystemClock


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("bug-report")(bug_report)


def bug_report(
    name: Annotated[
        str,
        typer.Argument(metavar="[NAME]", help="With --from: print this file of it."),
    ] = "",
    *,
    state: StateOption,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Where to write the report.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--from", help="Read this report; no mesh is needed.")
    ] = None,
) -> None:
    """Write configuration, states, proxies' dumps and logs into one file.

    Secrets are taken out: private keys, tokens, passwords.
    """
    if report is not None:
        _read(report, name)
        return
    if name:
        raise typer.BadParameter(f"{name}: say which report it is in, with --from")
    now = SystemClock().now()
    found, known = Gathering(state).gather(), secrets_of(state)
    files = {each: redacted(content, known) for each, content in found.items()}
    path = file or Path(usual_name(now))
    write_report(path, files, now)
    typer.echo(f"{path}: {len(files)} files; secrets are taken out, yet read it first")
    _say_lacks(files)


def usual_name(now: datetime) -> str:
    """Return what a report of ``now`` is called."""
    return f"meltemi-bug-report-{now:%Y%m%dT%H%M%SZ}.tar.gz"


def _read(report: Path, name: str) -> None:
    files = read_report(report)
    if not name:
        rows = [[each, str(len(content))] for each, content in files.items()]
        typer.echo(table([["FILE", "BYTES"], *rows]))
        _say_lacks(files)
        return
    if name not in files:
        raise UnreadableReportError(f"{report} has no {name}: {', '.join(files)}")
    typer.echo(files[name].decode(errors="replace"), nl=False)


def _say_lacks(files: dict[str, bytes]) -> None:
    for line in files.get(LACKS, b"").decode(errors="replace").splitlines():
        typer.echo(f"not in it: {line}", err=True)
