"""``meltemi events``: what was written, and what is being written."""

import queue
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from meltemi.config.kinds import KINDS, Kind, kind_called
from meltemi.ctl.galley.client import Galley, failed
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import Target
from meltemi.ctl.output import NamespaceOption, Output, OutputOption, show
from meltemi.ctl.state import StateOption

WAITING = 1000
"""Events that may wait for a slow terminal."""


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def events(  # noqa: PLR0913 - Typer reads the signature
    kinds: Annotated[list[str] | None, typer.Argument(metavar="[KIND…]")] = None,
    *,
    state: StateOption,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until interrupted.")
    ] = False,
    namespace: NamespaceOption = "",
    number: Annotated[int, typer.Option("--tail", min=1, help="How many.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the last writes and who asked for them, or follow changes live."""
    galley = connect(state)
    if not follow:
        answer = galley.get(f"/api/v1/audit?limit={number}")
        if not answer.ok:
            raise failed(answer)
        names = ("time", "actor", "verb", "outcome", "revision", "target")
        rows = [[each[name] for name in names] for each in answer.body["items"]]
        heading = [name.upper() for name in names]
        show(answer.body["items"], output, [heading, *rows])
        return
    for event in _followed(galley, _kinds(kinds), namespace):
        typer.echo(line_of(event))


def line_of(event: dict[str, Any]) -> str:
    """Return one event as a line."""
    found = event["object"]
    if event["type"] == "ERROR":
        return f"ERROR {found['message']}"
    metadata = found["metadata"]
    name = f"{found['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    writer = (metadata.get("managedFields") or [{}])[-1].get("manager", "")
    return f"{metadata['resourceVersion']} {event['type']} {name} {writer}".rstrip()


def _kinds(words: list[str] | None) -> list[Kind]:
    found = [(word, kind_called(word)) for word in words or []]
    for word, kind in found:
        if kind is None:
            raise typer.BadParameter(f"{word!r} is not a kind")
    return [kind for _, kind in found if kind is not None] or list(KINDS)


def _followed(
    galley: Galley, kinds: list[Kind], namespace: str
) -> Iterator[dict[str, Any]]:
    """Yield changes of all ``kinds`` from now on, each kind in a thread of its own."""
    waiting: queue.Queue[dict[str, Any] | Exception] = queue.Queue(WAITING)

    def watch(path: str, start: str) -> None:
        try:
            for event in galley.stream(f"{path}?watch=1&resourceVersion={start}"):
                if event["type"] != "BOOKMARK":
                    waiting.put(event)
            waiting.put(EOFError("Galley ended the watch: start it again"))
        except Exception as error:  # noqa: BLE001 - told where it is heard
            waiting.put(error)

    for kind in kinds:
        path = Target(kind, namespace).path
        answer = galley.get(f"{path}?limit=1")
        if not answer.ok:
            raise failed(answer)
        start = answer.body["metadata"]["resourceVersion"]
        threading.Thread(target=watch, args=(path, start), daemon=True).start()
    while True:
        event = waiting.get()
        if isinstance(event, Exception):
            raise typer.Exit(_ended(event))
        yield event


def _ended(error: Exception) -> int:
    typer.echo(f"meltemi: {error}", err=True)
    return 69
