"""``meltemi analyze`` and ``meltemi validate``: what is wrong, before it runs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from meltemi.config.analysis.findings import findings
from meltemi.config.finding import Finding, InvalidConfigError, Severity, Source
from meltemi.ctl.galley.client import EXIT_INPUT
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.objects import objects
from meltemi.ctl.galley.text import texts
from meltemi.ctl.output import HomeOption, Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.galley.door import read

EXIT_FINDINGS = 79
MESH = "mesh: "
"""How the name of a text begins that came from the mesh and has no lines."""
RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


class Threshold(StrEnum):
    """From which level on findings fail the command, as istioctl spells them."""

    INFO = "Info"
    WARNING = "Warning"
    ERROR = "Error"


Files = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE|DIR|-]...", show_default=False)
]


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def analyze(  # noqa: PLR0913 - Typer reads the signature
    files: Files = None,
    *,
    state: StateOption,
    namespace: HomeOption = "default",
    output: OutputOption = Output.TABLE,
    with_mesh: Annotated[
        bool, typer.Option("--with-mesh", help="The mesh as FILEs would leave it.")
    ] = False,
    failure_threshold: Annotated[
        Threshold, typer.Option(help="The level from which on the exit code is 79.")
    ] = Threshold.ERROR,
) -> None:
    """Say what is wrong between objects: in FILEs, or else in the running mesh.

    Such as: analyze; analyze mesh/; analyze --with-mesh reviews.yaml
    """
    mesh = _mesh(state) if with_mesh or not files else ()
    given = chain(mesh, texts(files or []))
    found = _placed(findings(given, default_namespace=namespace))
    _show(found, output)
    limit = RANKS[Severity(failure_threshold.lower())]
    if any(RANKS[each.severity] >= limit for each in found):
        raise typer.Exit(EXIT_FINDINGS)


@commands.command()
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE|DIR|-...")],
    *,
    namespace: HomeOption = "default",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say of every object in FILEs whether the mesh would accept it, alone."""
    found: list[Finding] = []
    for file, data in texts(files):
        try:
            found += read(data, file=file, default_namespace=namespace).warnings
        except InvalidConfigError as error:
            found += error.findings
    _show(found, output)
    if any(each.severity is Severity.ERROR for each in found):
        raise typer.Exit(EXIT_INPUT)


def _mesh(state: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the objects of the running mesh; each is called by its name."""
    for each in objects(connect(state)):
        metadata = each["metadata"]
        title = f"{each['kind']} {metadata['namespace']}/{metadata['name']}"
        yield f"{MESH}{title}", json.dumps(each).encode()


def _placed(found: tuple[Finding, ...]) -> list[Finding]:
    return [
        replace(each, source=Source(each.source.file, 0, 0, 0))
        if each.source.file.startswith(MESH)
        else each
        for each in found
    ]


def _show(found: list[Finding], output: Output) -> None:
    if output is Output.TABLE:
        for each in found:
            line = str(each)
            if each.source.file.startswith(MESH):
                line = line.replace(f"{each.source}:", f"{each.source.file}:", 1)
            typer.echo(line, err=True)
        typer.echo(f"{len(found) or 'no'} finding{'' if len(found) == 1 else 's'}")
        return
    show([_plain(each) for each in found], output, ())


def _plain(finding: Finding) -> dict[str, Any]:
    source = finding.source
    return {
        "code": finding.code,
        "level": finding.severity.value,
        "message": finding.message,
        "path": finding.path,
        "hint": finding.hint,
        "file": source.file,
        "line": source.line,
        "column": source.column,
    }
