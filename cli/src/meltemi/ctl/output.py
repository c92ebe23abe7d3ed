"""How answers are printed: tables for people, JSON and YAML for programs."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from meltemi.ctl.table import table


class Output(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[
    Output, typer.Option("-o", "--output", help="How to print the answer.")
]
NamespaceOption = Annotated[
    str, typer.Option("-n", "--namespace", help="Which namespace.")
]

SelectorOption = Annotated[
    str, typer.Option("-l", "--selector", help="Labels: a=b, a!=b, a in (b,c), a, !a.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why: kept in the history and the audit.")
]


def show(value: Any, output: Output, rows: Sequence[Sequence[str]]) -> None:  # noqa: ANN401 - JSON
    """Print ``value`` as JSON or YAML, or else ``rows``, headings first."""
    match output:
        case Output.JSON:
            typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
        case Output.YAML:
            import yaml  # noqa: PLC0415 - slow to import, seldom asked for

            typer.echo(
                yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False
            )
        case Output.TABLE:
            typer.echo(table(rows))
