"""``meltemi top``: who calls whom right now, the busiest first."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Final

import msgspec
import typer

from meltemi.ctl.galley.namespaces import expect_namespace
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.ctl.table import table
from meltemi.ctl.traffic.commands import EDGES, Named, Namespace, edge_row, is_meant
from meltemi.ctl.traffic.source import read_traffic
from meltemi.galley.traffic import EdgeRow

RECENT: Final = "15s"
"""Three of the agents' reports: what is a little late is in it, too."""
FRESH: Final = "\x1b[H\x1b[2J"
"""Clears a terminal (ECMA-48 CUP, ED)."""


class Order(StrEnum):
    """What the first line has most of."""

    RPS = "rps"
    FAILED = "failed"
    P95 = "p95"


KEYS: Final[dict[Order, Callable[[EdgeRow], float]]] = {
    Order.RPS: lambda row: row.volume.rps,
    Order.FAILED: lambda row: row.volume.failed,
    Order.P95: lambda row: row.volume.latency_ms.get("p95") or 0.0,
}


commands = typer.Typer()


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.registered_commands.extend(commands.registered_commands)


@commands.command()
def top(  # noqa: PLR0913 - Typer reads the signature
    workload: Named = "",
    *,
    state: StateOption,
    namespace: Namespace = "",
    window: Annotated[
        str, typer.Option("--window", "-t", help="How far back: 5s to 15m.")
    ] = RECENT,
    by: Annotated[Order, typer.Option("--sort", help="Which come first.")] = Order.RPS,
    lines: Annotated[int, typer.Option(min=1, max=1000, help="At the most.")] = 20,
    interval: Annotated[
        float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")
    ] = 5.0,
    count: Annotated[
        int, typer.Option(min=0, help="How many looks; 0: until Ctrl-C.")
    ] = 0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show who calls whom right now, the busiest first, over and over.

    With -o json each look is a list on a line of its own.
    """
    looks = 0
    while True:
        found = busiest(
            [
                each
                for each in read_traffic(state, window).edges
                if any(
                    is_meant(end.workload, end.namespace, workload, namespace)
                    for end in (each.source, each.destination)
                )
            ],
            by,
            lines,
        )
        if not (found or looks):
            expect_namespace(state, namespace)
        _look(found, output)
        looks += 1
        if looks == count:
            return
        time.sleep(interval)


def busiest(rows: Sequence[EdgeRow], by: Order, most: int) -> list[EdgeRow]:
    """Return those that have most of what is asked for, at ``most`` so many."""
    return sorted(rows, key=KEYS[by], reverse=True)[:most]


def _look(found: Sequence[EdgeRow], output: Output) -> None:
    value = msgspec.to_builtins(found)
    if output is Output.JSON:
        typer.echo(json.dumps(value, ensure_ascii=False))
    elif output is Output.TABLE:
        text = table([EDGES, *map(edge_row, found)])
        typer.echo(f"{FRESH}{text}" if sys.stdout.isatty() else f"{text}\n")
    else:
        show(value, output, ())
    sys.stdout.flush()
