"""How answers are printed: tables for people, JSON and YAML for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from meltemi.ctl.jsonpath import JsonPathError, filled, parts_of
from meltemi.ctl.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

JSONPATH = "jsonpath"
DEFAULT_NAMESPACE = "default"
"""Where objects belong when neither they nor ``-n`` say."""


@dataclass(frozen=True, slots=True)
class Output:
    """How to print: a form, and the template of a JSONPath."""

    form: str
    template: str = ""

    TABLE: ClassVar[Output]
    WIDE: ClassVar[Output]
    NAME: ClassVar[Output]
    JSON: ClassVar[Output]
    YAML: ClassVar[Output]

    def __str__(self) -> str:
        return self.form


Output.TABLE = Output("table")
Output.WIDE = Output("wide")
Output.NAME = Output("name")
Output.JSON = Output("json")
Output.YAML = Output("yaml")

PLAIN = (Output.TABLE, Output.JSON, Output.YAML)
"""What every command can print, beside a JSONPath."""
OF_OBJECTS = (Output.TABLE, Output.WIDE, Output.NAME, Output.JSON, Output.YAML)


def forms(several: Sequence[Output]) -> str:
    """Return the words for ``several`` as help shows them."""
    return "|".join([*(each.form for each in several), f"{JSONPATH}=TEMPLATE"])


def output_of(word: str | Output) -> Output:
    """Return the form that ``word`` names, as `read_output`."""
    return read_output(word, PLAIN)


def objects_output_of(word: str | Output) -> Output:
    """Return the form that ``word`` names, of those that objects have."""
    return read_output(word, OF_OBJECTS)


def read_output(word: str | Output, several: Sequence[Output]) -> Output:
    """Return the form of ``several`` that ``word`` names.

    Raises:
        typer.BadParameter: If there is none, or a JSONPath cannot be read.

    """
    if isinstance(word, Output):
        return word  # the default, which Typer reads, too
    for each in several:
        if each.form == word:
            return each
    form, equals, template = word.partition("=")
    if form != JSONPATH or not (equals and template):
        raise typer.BadParameter(f"{word!r} is not one of {forms(several)}")
    try:
        parts_of(template)
    except JsonPathError as error:
        raise typer.BadParameter(str(error)) from None
    return Output(JSONPATH, template)


OutputOption = Annotated[
    Output,
    typer.Option(
        "-o",
        "--output",
        parser=output_of,
        metavar=forms(PLAIN),
        help="How to print the answer.",
    ),
]
ObjectsOutputOption = Annotated[
    Output,
    typer.Option(
        "-o",
        "--output",
        parser=objects_output_of,
        metavar=forms(OF_OBJECTS),
        help="How to print them; wide: which proxies have not got them, and why.",
    ),
]
NamespaceOption = Annotated[
    str,
    typer.Option(
        "-n",
        "--namespace",
        help=f"Which namespace; else the name's own, else {DEFAULT_NAMESPACE}.",
        show_default=False,
    ),
]
HomeOption = Annotated[
    str,
    typer.Option("-n", "--namespace", help="Where objects belong that do not say."),
]
SelectorOption = Annotated[
    str, typer.Option("-l", "--selector", help="Labels: a=b, a!=b, a in (b,c), a, !a.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why: kept in the history and the audit.")
]


def show(value: Any, output: Output, rows: Sequence[Sequence[str]]) -> None:  # noqa: ANN401 - JSON
    """Print ``value`` as JSON, YAML or by JSONPath, or ``rows``, headings first."""
    if output is Output.JSON:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    elif output is Output.YAML:
        import yaml  # noqa: PLC0415 - slow to import, seldom asked for

        typer.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)
    elif output.form == JSONPATH:
        typer.echo(filled(output.template, value))
    else:
        typer.echo(table(rows))
