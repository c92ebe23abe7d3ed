"""``meltemi events``: what was written, and what is being written."""

import json
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from meltemi.config.kinds import KIND_BY_NAME, KINDS, Kind, kind_called
from meltemi.ctl.galley.client import EXIT_UNREACHABLE, Galley, failed
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.namespaces import note_namespace
from meltemi.ctl.galley.target import Target, kinds_called
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption

WAITING = 1000
"""Events that may wait for a slow terminal."""
USUAL = 20
KEPT = 10_000
"""Records that a Galley keeps, and gives at the most."""
NAMES = ("time", "actor", "verb", "outcome", "revision", "target")


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def events(  # noqa: PLR0913 - Typer reads the signature
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND[,KIND]...]")
    ] = None,
    *,
    state: StateOption,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until interrupted.")
    ] = False,
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="Only this namespace.")
    ] = "",
    number: Annotated[
        int | None,
        typer.Option(
            "--tail", min=1, max=KEPT, help="How many.", show_default=str(USUAL)
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the last writes and who asked for them, or follow changes live.

    With -f each change is a line, or with -o json an object a line.
    """
    wanted = [kind for word in kinds or [] for kind in kinds_called(word)]
    if follow and number:
        raise typer.BadParameter("-f shows what comes, and --tail what was: choose one")
    galley = connect(state)
    if follow:
        for event in _followed(galley, wanted or list(KINDS), namespace):
            show_event(event, output)
        return
    most = number or USUAL
    asked = KEPT if wanted or namespace else most
    answer = galley.get(f"/api/v1/audit?limit={asked}")
    if not answer.ok:
        raise failed(answer)
    found = [each for each in answer.body["items"] if among(each, wanted, namespace)]
    if not found:
        note_namespace(galley, namespace)
    rows = [[each[name] for name in NAMES] for each in found[:most]]
    show(found[:most], output, [[name.upper() for name in NAMES], *rows])


def among(record: Mapping[str, Any], kinds: Sequence[Kind], namespace: str) -> bool:
    """Return whether an audit record is about ``kinds`` in ``namespace``, if given."""
    kind, home = _about(record["target"])
    return (not kinds or kind in kinds) and (not namespace or home == namespace)


def _about(target: str) -> tuple[Kind | None, str]:
    """Return whose kind and namespace ``/apis/…`` or ``KIND/NAMESPACE/NAME`` is."""
    words = target.split("/")
    if words[:2] == ["", "apis"] and "namespaces" in words[:-2]:
        at = words.index("namespaces")
        return kind_called(words[at + 2]), words[at + 1]
    named = KIND_BY_NAME.get(words[0])
    return (named, words[1]) if named and len(words) > 1 else (None, "")


def show_event(event: dict[str, Any], output: Output) -> None:
    """Print one change: a line, but for YAML, which is a document."""
    if output is Output.TABLE:
        typer.echo(line_of(event))
    elif output is Output.JSON:
        typer.echo(json.dumps(event, ensure_ascii=False))
    else:
        if output is Output.YAML:
            typer.echo("---")
        show(event, output, ())


def line_of(event: dict[str, Any]) -> str:
    """Return one event as a line."""
    found = event["object"]
    if event["type"] == "ERROR":
        return f"ERROR {found['message']}"
    metadata = found["metadata"]
    name = f"{found['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    writer = (metadata.get("managedFields") or [{}])[-1].get("manager", "")
    return f"{metadata['resourceVersion']} {event['type']} {name} {writer}".rstrip()


def _followed(
    galley: Galley, kinds: Sequence[Kind], namespace: str
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
            typer.echo(f"meltemi: {event}", err=True)
            raise typer.Exit(EXIT_UNREACHABLE)
        yield event
