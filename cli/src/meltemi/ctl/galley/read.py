"""``meltemi get`` and ``meltemi ps``: what is there, and who holds what."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from meltemi.ctl.galley.client import failed, warn
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.target import selecting, target
from meltemi.ctl.output import (
    NamespaceOption,
    Output,
    OutputOption,
    SelectorOption,
    show,
)
from meltemi.ctl.state import StateOption
from meltemi.kernel.clock import SystemClock

TYPES = ("cds", "eds", "lds", "rds")
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))

Words = Annotated[list[str], typer.Argument(metavar="KIND [NAME]")]


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def get(  # noqa: PLR0913 - Typer reads the signature
    words: Words,
    *,
    state: StateOption,
    namespace: NamespaceOption = "default",
    everywhere: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")
    ] = False,
    selector: SelectorOption = "",
    fields: Annotated[
        str, typer.Option("--field-selector", help="metadata.name=a, spec.hosts=b.")
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show objects, and what became of them in the proxies."""
    where = target(words, "" if everywhere else namespace)
    if everywhere and where.name:
        raise typer.BadParameter("one object has one namespace: leave out -A")
    answer = connect(state).get(where.path + selecting(selector, fields))
    warn(answer)
    if not answer.ok:
        raise failed(answer)
    found = [answer.body] if where.name else answer.body["items"]
    now = SystemClock().now()
    heading = ["NAMESPACE", "NAME", "REVISION", "AGE", "STATUS"]
    show(answer.body, output, [heading, *(object_row(each, now) for each in found)])


def object_row(found: Mapping[str, Any], now: datetime) -> list[str]:
    """Return an object as a row: its status is the one that asks for action."""
    metadata = found["metadata"]
    said = found.get("status", {}).get("conditions", [])
    conditions = {each["type"]: each for each in said}
    refused = conditions.get("Rejected", {})
    arrived = conditions.get("Reconciled", {})
    status = arrived.get("message", "")
    if refused.get("status") == "True":
        status = f"Rejected: {refused['message']}"
    return [
        metadata.get("namespace", ""),
        metadata["name"],
        metadata.get("resourceVersion", ""),
        age(metadata.get("creationTimestamp", ""), now),
        status,
    ]


def age(written: str, now: datetime) -> str:
    """Return how long ago ``written`` (RFC 3339) was: ``3d``, ``2h``, ``5m``."""
    if not written:
        return ""
    seconds = int(
        (now - datetime.fromisoformat(written).astimezone(UTC)).total_seconds()
    )
    for unit, size in UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


@commands.command()
def ps(*, state: StateOption, output: OutputOption = Output.TABLE) -> None:
    """List the proxies, and which configuration each of them holds."""
    answer = connect(state).get("/api/v1/proxies")
    warn(answer)
    if not answer.ok:
        raise failed(answer)
    heading = ["PROXY", "PILOT", "CONNECTED", "REVISION", *(t.upper() for t in TYPES)]
    show(answer.body, output, [heading, *(proxy_row(each) for each in answer.body)])


def proxy_row(found: Mapping[str, Any]) -> list[str]:
    """Return a proxy as a row: a type is at its revision, or refused with a mark."""
    cells = []
    for name in TYPES:
        known = found["types"].get(name)
        cell = known["acked"] if known else "-"
        cells.append(f"{cell} REFUSED" if known and known["error"] else cell)
    connected = "yes" if found["connected"] else "no"
    return [found["proxy"], found["pilot"], connected, found["revision"] or "-", *cells]
