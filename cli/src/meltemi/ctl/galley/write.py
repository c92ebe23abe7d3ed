"""``meltemi apply`` and ``meltemi delete``."""

import json
from typing import Annotated, Any

import typer

from meltemi.config.canonical import content
from meltemi.config.finding import InvalidConfigError
from meltemi.config.resource import Resource
from meltemi.config.schema.message import Message
from meltemi.ctl.galley.client import (
    EXIT_INPUT,
    NOT_FOUND,
    Galley,
    failed,
    warn,
)
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target, several, target_of
from meltemi.ctl.galley.text import read_all
from meltemi.ctl.output import NamespaceOption
from meltemi.ctl.state import StateOption

Files = Annotated[
    list[str],
    typer.Option("-f", "--filename", help="A file, a folder, or - for standard input."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(apply)
    app.command()(delete)


def apply(
    *,
    filename: Files,
    state: StateOption,
    namespace: NamespaceOption = "default",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Let Galley check, and write nothing.")
    ] = False,
) -> None:
    """Write objects: all of them are checked before the first is written."""
    resources = _read(filename, namespace)
    galley = connect(state)
    for resource in resources:
        _apply(galley, resource, dry_run=dry_run)


def delete(
    words: Annotated[list[str] | None, typer.Argument(metavar="KIND NAME...")] = None,
    *,
    state: StateOption,
    filename: Files = [],  # noqa: B006 - Typer reads it, nobody changes it
    namespace: NamespaceOption = "default",
) -> None:
    """Remove objects, by name or as they stand in files."""
    targets = [target_of(each) for each in _read(filename, namespace)]
    targets += several(words or [], namespace)
    if not targets or not all(each.name for each in targets):
        raise typer.BadParameter("say what to delete: KIND NAME, or -f FILE")
    galley = connect(state)
    missing = [each for each in reversed(targets) if not _delete(galley, each)]
    if missing:
        raise typer.Exit(1)


def _read(names: list[str], namespace: str) -> list[Resource[Message]]:
    try:
        return read_all(names, namespace=namespace)
    except InvalidConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_INPUT) from None


def _apply(galley: Galley, resource: Resource[Message], *, dry_run: bool) -> None:
    """Write one object and say what became of it."""
    where = target_of(resource)
    body: dict[str, Any] = json.loads(content(resource))
    if resource.metadata.resource_version:
        body["metadata"]["resourceVersion"] = resource.metadata.resource_version
    path = where.path + ("?dryRun=All" if dry_run else "")
    answer = galley.send("PUT", path, json.dumps(body).encode())
    warn(answer)
    if not answer.ok:
        raise failed(answer)
    revision = answer.body["metadata"].get("resourceVersion", "")
    aside = "dry run, nothing written" if dry_run else f"revision {revision}"
    typer.echo(f"{where.title} {answer.outcome} ({aside})")


def _delete(galley: Galley, where: Target) -> bool:
    answer = galley.send("DELETE", where.path)
    if answer.status == NOT_FOUND:
        typer.echo(f"{where.title} is not there", err=True)
        return False
    if not answer.ok:
        raise failed(answer)
    revision = answer.body["metadata"]["resourceVersion"]
    typer.echo(f"{where.title} deleted (revision {revision})")
    return True
