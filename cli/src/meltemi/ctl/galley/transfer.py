"""``meltemi export`` and ``meltemi import``: a whole mesh, out and in."""

import json
from typing import Annotated

import typer

from meltemi.config.kinds import KINDS, kind_called
from meltemi.ctl.galley.change import as_yaml, editable
from meltemi.ctl.galley.client import EXIT_FAILURE, failed
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target, selecting, target_of
from meltemi.ctl.galley.write import REASON, Files, Recursive, body_of, read
from meltemi.ctl.output import NamespaceOption, ReasonOption, SelectorOption
from meltemi.ctl.state import StateOption

A_REQUEST = 64
"""Objects in one request."""


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command(name="export")(export_objects)
    app.command(name="import")(import_objects)


def export_objects(
    kinds: Annotated[list[str] | None, typer.Argument(metavar="[KIND…]")] = None,
    *,
    state: StateOption,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Only this namespace.")
    ] = "",
    selector: SelectorOption = "",
) -> None:
    """Print every object, or those of some kinds, as YAML that import takes."""
    galley = connect(state)
    for word in kinds or [kind.name for kind in KINDS]:
        kind = kind_called(word)
        if kind is None:
            raise typer.BadParameter(f"{word!r} is not a kind")
        answer = galley.get(Target(kind, namespace).path + selecting(selector))
        if not answer.ok:
            raise failed(answer)
        for found in answer.body["items"]:
            shown = editable(found)
            del shown["metadata"]["resourceVersion"]  # it means nothing elsewhere
            typer.echo(f"---\n{as_yaml(shown)}", nl=False)


def import_objects(
    *,
    filename: Files,
    state: StateOption,
    namespace: NamespaceOption = "",
    recursive: Recursive = False,
    reason: ReasonOption = "import",
) -> None:
    """Write what export printed. What is refused is said, and the rest written."""
    resources = read(filename, namespace, recursive=recursive)
    galley = connect(state)
    refused = False
    for start in range(0, len(resources), A_REQUEST):
        some = resources[start : start + A_REQUEST]
        body = json.dumps([body_of(each) for each in some]).encode()
        path = "/api/v1/batch?atomic=false"
        answer = galley.send("POST", path, body, headers={REASON: reason})
        if not answer.ok:
            raise failed(answer)
        for resource, told in zip(some, answer.body["items"], strict=True):
            line = f"{target_of(resource).title} {told['outcome']}"
            if told["outcome"] == "refused":
                refused = True
                line += f": {told['problem']['detail']}"
            typer.echo(line, err=told["outcome"] == "refused")
    if refused:
        raise typer.Exit(EXIT_FAILURE)
