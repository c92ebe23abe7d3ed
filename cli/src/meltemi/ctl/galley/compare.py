"""``meltemi diff``, ``history`` and ``rollback``: then, now, and as it would be."""

import difflib
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from meltemi.config.resource import Resource
from meltemi.config.schema.message import Message
from meltemi.ctl.galley.change import Words, as_yaml, editable, one
from meltemi.ctl.galley.client import EXIT_FAILURE, NOT_FOUND, Galley, failed, warn
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import target_of
from meltemi.ctl.galley.write import REASON, Files, Recursive, body_of, read
from meltemi.ctl.output import (
    DEFAULT_NAMESPACE,
    NamespaceOption,
    Output,
    OutputOption,
    ReasonOption,
    show,
)
from meltemi.ctl.state import StateOption

EXIT_DIFFERENT = 1

commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)
    app.command()(history)
    app.command()(rollback)


@commands.command()
def diff(  # noqa: PLR0913 - Typer reads the signature
    *,
    filename: Files,
    state: StateOption,
    namespace: NamespaceOption = "",
    recursive: Recursive = False,
    proxies: Annotated[
        bool, typer.Option("--proxies", help="What changes on which proxies.")
    ] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            help="For --proxies: the mesh, as files or folders; default: as it runs.",
        ),
    ] = None,
) -> None:
    """Show what apply would change. Exits 0 for nothing, 1 for something.

    Such as: diff -f reviews.yaml; diff -f reviews.yaml --proxies
    """
    if against and not proxies:
        raise typer.BadParameter("--against goes with --proxies")
    resources = read(filename, namespace, recursive=recursive)
    if proxies:
        from meltemi.ctl.lens.effects import show_effects  # noqa: PLC0415 - slow
        from meltemi.ctl.lens.running import spelled_or_running  # noqa: PLC0415

        home = namespace or DEFAULT_NAMESPACE
        then = spelled_or_running(
            against or [], state=state, namespace=home, recursive=recursive
        )
        different = show_effects(then, resources)
    else:
        different = _differs(resources, connect(state))
    if different:
        raise typer.Exit(EXIT_DIFFERENT)


def _differs(resources: Sequence[Resource[Message]], galley: Galley) -> bool:
    different = False
    for resource in resources:
        where = target_of(resource)
        answer = galley.get(where.path)
        if not answer.ok and answer.status != NOT_FOUND:
            raise failed(answer)
        before = _text(answer.body) if answer.ok else ""
        wanted = {**body_of(resource), "apiVersion": where.api_version}
        lines = list(
            difflib.unified_diff(
                before.splitlines(),
                _text(wanted).splitlines(),
                f"now/{where.title}",
                f"then/{where.title}",
                lineterm="",
            )
        )
        different = different or bool(lines)
        for line in lines:
            typer.echo(line)
    return different


def history(
    words: Words,
    *,
    state: StateOption,
    namespace: NamespaceOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show an object's last versions: who wrote them, when and why."""
    where = one(words, namespace)
    answer = connect(state).get(f"{where.path}/history")
    if not answer.ok:
        raise failed(answer)
    heading = ["REVISION", "OPERATION", "BY", "AT", "REASON"]
    names = ("revision", "operation", "actor", "time", "reason")
    rows = [[each[name] for name in names] for each in answer.body["items"]]
    show(answer.body["items"], output, [heading, *rows])


def rollback(
    words: Words,
    *,
    state: StateOption,
    to_revision: Annotated[
        str,
        typer.Option("--to-revision", help="Of its history; default: the one before."),
    ] = "",
    namespace: NamespaceOption = "",
    reason: ReasonOption = "",
) -> None:
    """Write a former version of an object again.

    Such as: rollback vs/reviews --to-revision 31, as meltemi history shows it.
    """
    where = one(words, namespace)
    galley = connect(state)
    if not to_revision:
        answer = galley.get(f"{where.path}/history")
        if not answer.ok:
            raise failed(answer)
        former = [each for each in answer.body["items"][1:] if each["object"]]
        if not former:
            typer.echo(f"{where.full_title} has no former version", err=True)
            raise typer.Exit(EXIT_FAILURE)
        to_revision = former[0]["revision"]
    path = f"{where.path}/rollback?{urlencode({'revision': to_revision})}"
    headers = {REASON: reason} if reason else {}
    answer = galley.send("POST", path, headers=headers)
    warn(answer, where.subject)
    if not answer.ok:
        raise failed(answer)
    revision = answer.body["metadata"]["resourceVersion"]
    then = f"{where.title} in {where.namespace} is as it was at revision {to_revision}"
    typer.echo(f"{then} (revision {revision})")


def _text(found: dict[str, Any]) -> str:
    """Return an object without its revision, keys in one order."""
    shown = editable(found)
    shown["metadata"].pop("resourceVersion", None)
    metadata = {name: shown["metadata"][name] for name in sorted(shown["metadata"])}
    return as_yaml({**shown, "metadata": metadata, "spec": _sorted(shown["spec"])})


def _sorted(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
