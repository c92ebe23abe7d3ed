"""``meltemi get``: what is there, and what became of it in the proxies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from meltemi.config.kinds import AT_START, KIND_BY_NAME
from meltemi.ctl.galley.client import (
    EXIT_FAILURE,
    NOT_FOUND,
    Answer,
    Galley,
    failed,
    warn,
)
from meltemi.ctl.galley.connect import connect
from meltemi.ctl.galley.namespaces import note_namespace
from meltemi.ctl.galley.target import Target, selecting, several
from meltemi.ctl.output import (
    NamespaceOption,
    ObjectsOutputOption,
    Output,
    SelectorOption,
    show,
)
from meltemi.ctl.state import StateOption
from meltemi.kernel.clock import SystemClock

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))
AT_ONCE = 8
"""Questions to Galley at a time."""
HEADING = ("NAMESPACE", "NAME", "REVISION", "AGE", "STATUS")
WIDE_HEADING = (*HEADING, "INSTALLED", "NOT ON")

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND[,KIND] [NAME...]|KIND/NAME...",
        help="all for every kind; NAME.NAMESPACE instead of -n.",
    ),
]


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def get(  # noqa: PLR0913 - Typer reads the signature
    words: Words,
    *,
    state: StateOption,
    namespace: NamespaceOption = "",
    everywhere: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")
    ] = False,
    selector: SelectorOption = "",
    fields: Annotated[
        str, typer.Option("--field-selector", help="metadata.name=a, spec.hosts=b.")
    ] = "",
    output: ObjectsOutputOption = Output.TABLE,
) -> None:
    """Show objects, and what became of them in the proxies.

    Such as: get vs,dr -A; get vs/reviews -o yaml; get vs reviews.shop -o wide;
    get all -l team=a -o name; get vs -o jsonpath={.items[*].metadata.name}
    """
    wanted = several(words, namespace)
    if everywhere and any(each.name for each in wanted):
        raise typer.BadParameter("one object has one namespace: leave out -A")
    if everywhere:
        wanted = [replace(each, namespace="") for each in wanted]
    galley, query = connect(state), selecting(selector, fields)
    answers = list(_answers(galley, wanted, query))
    found = objects_of(answers)
    if not (found or everywhere) and answers:
        note_namespace(galley, namespace)
    if output is Output.NAME:
        for each in found:
            where = target_at(each)
            typer.echo(where.full_title if everywhere else where.title)
    else:
        many = len({each.kind.name for each in wanted}) > 1
        rows = _rows(galley, found, many=many, wide=output is Output.WIDE)
        show(_whole(answers, wanted), output, rows)
    if len(answers) < len(wanted):
        raise typer.Exit(EXIT_FAILURE)


def _answers(galley: Galley, wanted: Sequence[Target], query: str) -> Iterator[Answer]:
    """Yield what Galley has of ``wanted``; of an object that is not there, tell."""
    for each in wanted:
        answer = galley.get(each.path + query)
        warn(answer)
        if answer.ok:
            yield answer
            continue
        gone = failed(answer)
        if len(wanted) == 1 or answer.status != NOT_FOUND:
            raise gone


def objects_of(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return the objects in ``answers``, each of which is one or a list of them."""
    found: list[dict[str, Any]] = []
    for answer in answers:
        found += answer.body.get("items", [answer.body])
    return found


def _whole(answers: Sequence[Answer], wanted: Sequence[Target]) -> object:
    """Return what programs get: the API's answer, or several in Kubernetes' List."""
    if len(wanted) == 1:
        return answers[0].body
    return {"apiVersion": "v1", "kind": "List", "items": objects_of(answers)}


def target_at(found: Mapping[str, Any]) -> Target:
    """Return which object ``found`` is."""
    metadata = found["metadata"]
    return Target(KIND_BY_NAME[found["kind"]], metadata["namespace"], metadata["name"])


def _rows(
    galley: Galley, found: Sequence[Mapping[str, Any]], *, many: bool, wide: bool
) -> list[list[str]]:
    now = SystemClock().now()
    rows = [object_row(each, now) for each in found]
    if many:
        for row, each in zip(rows, found, strict=True):
            row[1] = target_at(each).title
    if not wide:
        return [list(HEADING), *rows]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - takes 30 ms

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        effects = pool.map(lambda each: _effect(galley, target_at(each)), found)
        for row, effect in zip(rows, effects, strict=True):
            row.extend(effect)
    return [list(WIDE_HEADING), *rows]


def _effect(galley: Galley, where: Target) -> list[str]:
    if where.kind.name in AT_START:
        return ["-", f"a proxy is told a {where.kind.name} when it starts"]
    answer = galley.get(f"{where.path}/distribution")
    return effect_cells(answer.body) if answer.ok else ["?", "it is gone meanwhile"]


def effect_cells(found: Mapping[str, Any]) -> list[str]:
    """Return on how many proxies an object is, and which have not got it, and why."""
    refused = [
        f"{each['proxy']} refused it ({each['type']}): {each['message']}"
        for each in found["rejected"]
    ]
    waiting = [f"{each}: not yet" for each in found["pending"]]
    nobody = [] if found["total"] else ["no proxy is connected"]
    why = "; ".join([*refused, *waiting, *nobody]) or "-"
    return [f"{found['synced']}/{found['total']}", why]


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
