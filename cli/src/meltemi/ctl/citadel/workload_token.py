"""Workload tokens: what ``meltemi token`` asks of Citadel."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meltemi.ctl.citadel.connect import ask, citadel
from meltemi.ctl.output import show

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.ctl.output import Output

PATH = "/v1/ca/tokens"
ID = re.compile(r"[0-9a-f]{32}")
"""Galley's ids are half as long."""

NetworkOption = Annotated[
    str, typer.Option(metavar="NETWORK", help="Where a workload shows it from.")
]
NodeOption = Annotated[str, typer.Option(help="Which node a workload is on.")]
OnceOption = Annotated[
    bool, typer.Option("--once/--many", help="For one certificate, or for many.")
]


def create(state: Path, wish: dict[str, object]) -> str:
    """Return the text of a new token."""
    answer = ask(citadel(state), "POST", PATH, json.dumps(wish).encode())
    return str(answer["token"])


def show_all(state: Path, output: Output) -> None:
    """Print every token that was made, and whether it is good."""
    items = ask(citadel(state), "GET", PATH)["items"]
    heading = ["ID", "IDENTITY", "EXPIRES", "GOOD FOR", "FROM", "STATE"]
    show(items, output, [heading, *map(_row, items)])


def revoke(state: Path, number: str) -> None:
    """Make a token worthless from now on."""
    ask(citadel(state), "DELETE", f"{PATH}/{number}")


def _row(item: dict[str, Any]) -> list[str]:
    good = "one certificate" if item["once"] else "many"
    places = " ".join(filter(None, (item["cidr"], item["node"]))) or "anywhere"
    state = item["spent"] or "good"
    return [item["id"], item["identity"], item["expires"], good, places, state]
