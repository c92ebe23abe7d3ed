"""``meltemi patch``, ``label`` and ``edit``: changing a part of an object."""

import json
import os
import shlex
import subprocess
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from meltemi.ctl.galley.client import Galley, failed, warn
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target, target
from meltemi.ctl.galley.write import REASON, Manner, apply_one, read
from meltemi.ctl.output import NamespaceOption, ReasonOption
from meltemi.ctl.state import StateOption

Words = Annotated[list[str], typer.Argument(metavar="KIND NAME|KIND/NAME")]
EDITORS = ("MELTEMI_EDITOR", "VISUAL", "EDITOR")


class Form(StrEnum):
    """Which kind of patch."""

    MERGE = "merge"
    JSON = "json"


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def patch(  # noqa: PLR0913 - Typer reads the signature
    words: Words,
    *,
    text: Annotated[str, typer.Option("-p", "--patch", help="The patch, in JSON.")],
    state: StateOption,
    form: Annotated[
        Form, typer.Option("--type", help="RFC 7396 or RFC 6902.")
    ] = Form.MERGE,
    namespace: NamespaceOption = "",
    reason: ReasonOption = "",
) -> None:
    """Change a part of an object.

    Such as: patch vs reviews -p '{"spec":{"hosts":["reviews"]}}'
    """
    where = one(words, namespace)
    _patch(connect(state), where, text.encode(), form, reason)


@commands.command()
def label(
    words: Annotated[list[str], typer.Argument(metavar="KIND NAME KEY=VALUE|KEY-...")],
    *,
    state: StateOption,
    namespace: NamespaceOption = "",
    reason: ReasonOption = "",
) -> None:
    """Set labels (KEY=VALUE) or take them away (KEY-).

    Such as: label vs/reviews team=a tier-
    """
    named = 1 if "/" in words[0] else 2
    where, changes = one(words[:named], namespace), words[named:]
    wanted: dict[str, str | None] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals and not key.endswith("-"):
            raise typer.BadParameter(f"{change!r} is neither KEY=VALUE nor KEY-")
        wanted[key if equals else key[:-1]] = value if equals else None
    if not wanted:
        raise typer.BadParameter("say which labels: KEY=VALUE or KEY-")
    text = json.dumps({"metadata": {"labels": wanted}}).encode()
    _patch(connect(state), where, text, Form.MERGE, reason)


@commands.command()
def edit(
    words: Words,
    *,
    state: StateOption,
    namespace: NamespaceOption = "",
    reason: ReasonOption = "",
) -> None:
    """Change an object in your editor; what others changed meanwhile is not lost."""
    where = one(words, namespace)
    galley = connect(state)
    answer = galley.get(where.path)
    if not answer.ok:
        raise failed(answer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{where.name}.yaml"
        before = as_yaml(editable(answer.body))
        path.write_text(before, encoding="utf-8")
        _open(path)
        if path.read_text(encoding="utf-8") == before:
            typer.echo(f"{where.title} unchanged in {where.namespace}")
            return
        found = read([str(path)], where.namespace)
        if len(found) != 1:
            raise typer.BadParameter(f"one object is edited, and {len(found)} are left")
        (resource,) = found
        apply_one(galley, resource, Manner(dry_run=False, reason=reason))


def _open(path: Path) -> None:
    """Let the user edit the file; raise `typer.Exit` if the editor gives up."""
    command = [*_editor(), str(path)]
    try:
        done = subprocess.run(command, check=False)  # noqa: S603 - the user's
    except OSError as error:
        typer.echo(f"{command[0]}: {error.strerror}: set EDITOR to another", err=True)
        raise typer.Exit(1) from error
    if done.returncode:
        typer.echo(f"{command[0]} ended with {done.returncode}: unchanged", err=True)
        raise typer.Exit(1)


def one(words: list[str], namespace: str) -> Target:
    """Return the one object that ``words`` name."""
    where = target(words, namespace)
    if not where.name:
        raise typer.BadParameter("say which one: KIND NAME")
    return where


def editable(found: dict[str, Any]) -> dict[str, Any]:
    """Return what people may change of an object, and the revision it is of."""
    kept = ("name", "namespace", "labels", "annotations", "resourceVersion")
    metadata = {name: found["metadata"].get(name) for name in kept}
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {name: each for name, each in metadata.items() if each},
        "spec": found["spec"],
    }


def as_yaml(found: dict[str, Any]) -> str:
    """Return an object as people write it."""
    import yaml  # noqa: PLC0415 - slow to import, seldom asked for

    text: str = yaml.safe_dump(found, sort_keys=False, allow_unicode=True)
    return text


def _editor() -> list[str]:
    found = [os.environ[name] for name in EDITORS if os.environ.get(name)]  # noqa: TID251 - as git does
    return shlex.split(found[0] if found else "vi")


def _patch(galley: Galley, where: Target, text: bytes, form: Form, reason: str) -> None:
    headers = {"content-type": f"application/{form}-patch+json"}
    if reason:
        headers[REASON] = reason
    answer = galley.send("PATCH", where.path, text, headers=headers)
    warn(answer, where.subject)
    if not answer.ok:
        raise failed(answer)
    revision = answer.body["metadata"]["resourceVersion"]
    done = f"{where.title} {answer.outcome} in {where.namespace}"
    typer.echo(f"{done} (revision {revision})")
