"""``meltemi export`` and ``meltemi import``: a whole mesh, out and in."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from meltemi.config.kinds import KINDS
from meltemi.config.resource import Resource
from meltemi.config.schema.message import Message
from meltemi.ctl.galley.change import as_yaml, editable
from meltemi.ctl.galley.client import EXIT_FAILURE, EXIT_INPUT, Galley, failed, warn
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.namespaces import note_namespace
from meltemi.ctl.galley.objects import objects
from meltemi.ctl.galley.target import kinds_called, target_of
from meltemi.ctl.galley.text import read_each
from meltemi.ctl.galley.write import REASON, Files, Recursive, body_of
from meltemi.ctl.output import NamespaceOption, ReasonOption, SelectorOption
from meltemi.ctl.state import StateOption
from meltemi.galley.reserved import PREFIX

A_REQUEST = 64
"""Objects in one request."""
INVALID = 422


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command(name="export")(export_objects)
    app.command(name="import")(import_objects)


def export_objects(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND[,KIND]...]")
    ] = None,
    *,
    state: StateOption,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Only this namespace.")
    ] = "",
    selector: SelectorOption = "",
) -> None:
    """Print every object, or those of some kinds, as YAML that import takes."""
    asked = [kind for word in kinds or [] for kind in kinds_called(word)] or KINDS
    galley = connect(state)
    nothing = True
    for found in objects(galley, asked, namespace=namespace, selector=selector):
        shown = editable(found)
        shown["metadata"] = portable(shown["metadata"])
        typer.echo(f"---\n{as_yaml(shown)}", nl=False)
        nothing = False
    if nothing:
        note_namespace(galley, namespace)


def portable(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return ``metadata`` without its revision and owner: they hold only here."""
    kept = {
        name: {key: text for key, text in value.items() if not key.startswith(PREFIX)}
        if name in ("labels", "annotations")
        else value
        for name, value in metadata.items()
        if name != "resourceVersion"
    }
    return {name: value for name, value in kept.items() if value}


def import_objects(
    *,
    filename: Files,
    state: StateOption,
    namespace: NamespaceOption = "",
    recursive: Recursive = False,
    reason: ReasonOption = "import",
) -> None:
    """Write what export printed. What is refused is said, and the rest written.

    Exits 65 when an object is invalid, 1 when Galley did not take one.
    """
    resources, problems = read_each(filename, namespace=namespace, recursive=recursive)
    for each in problems:
        typer.echo(str(each), err=True)
    galley, refused = connect(state), 0
    for start in range(0, len(resources), A_REQUEST):
        refused += _write(galley, resources[start : start + A_REQUEST], reason)
    if problems:
        raise typer.Exit(EXIT_INPUT)
    if refused:
        raise typer.Exit(EXIT_FAILURE)


def _write(galley: Galley, some: Sequence[Resource[Message]], reason: str) -> int:
    """Write ``some``, each for itself; return how many were refused."""
    body = json.dumps([body_of(each) for each in some]).encode()
    path = "/api/v1/batch?atomic=false"
    answer = galley.send("POST", path, body, headers={REASON: reason})
    if answer.status == INVALID and len(some) > 1:
        half = len(some) // 2  # a Galley of another version refuses one: find it
        return sum(_write(galley, each, reason) for each in (some[:half], some[half:]))
    if answer.status == INVALID:
        typer.echo(f"{target_of(some[0]).title} refused:", err=True)
        failed(answer)
        return 1
    if not answer.ok:
        raise failed(answer)
    warn(answer)
    refused = 0
    for resource, told in zip(some, answer.body["items"], strict=True):
        where = target_of(resource)
        line = f"{where.title} {told['outcome']} in {where.namespace}"
        if told["outcome"] == "refused":
            refused += 1
            line += f": {told['problem']['detail']}"
        typer.echo(line, err=told["outcome"] == "refused")
    return refused
