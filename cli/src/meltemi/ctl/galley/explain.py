"""``meltemi explain``: what a field means, from the types themselves."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Mapping
from typing import Annotated, get_args, get_origin

import msgspec
import typer

from meltemi.config.kinds import kind_called
from meltemi.config.schema.message import Message
from meltemi.ctl.output import HomeOption


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(explain)


def explain(
    words: Annotated[
        list[str], typer.Argument(metavar="KIND[.FIELD…]|proxy/X TYPE NAME")
    ],
    *,
    filename: Annotated[
        list[str] | None, typer.Option("-f", "--filename", help="The mesh of proxy/X.")
    ] = None,
    namespace: HomeOption = "default",
) -> None:
    """Tell what a field means, or which objects made a proxy's resource."""
    if words[0].startswith("proxy/"):
        from meltemi.ctl.lens.made_by import (  # noqa: PLC0415 - slow to import
            explain_resource,
        )

        explain_resource(words, filename or [], namespace)
        return
    if len(words) > 1:
        raise typer.BadParameter(f"expected one KIND[.FIELD…], found {words}")
    word, *steps = words[0].split(".")
    kind = kind_called(word)
    if kind is None:
        raise typer.BadParameter(f"{word!r} is not a kind")
    here: type[Message] | None = kind.spec
    told = inspect.getdoc(kind.spec) or ""
    title = f"{kind.name} ({kind.api_version})"
    for step in steps[1:] if steps[:1] == ["spec"] else steps:
        field = _field(here, step)
        told = _documents(here).get(field.name, "") if here else ""
        title = f"{title}.{step} <{spelled(field.type)}>"
        here = _message(field.type)
        told = told or (inspect.getdoc(here) or "" if here else "")
    typer.echo(title)
    for line in (told or "(no more is said)").splitlines():
        typer.echo(f"    {line}")
    if here is not None:
        typer.echo("\nFIELDS")
        for line in _fields(here):
            typer.echo(line)


def spelled(annotation: object) -> str:
    """Return a type as users of JSON know it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return spelled(parts[0])
    if origin in (tuple, list):
        return f"[]{spelled(parts[0])}"
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return f"map[{spelled(parts[1])}]"
    named = [each for each in parts if each is not type(None)]
    if named and not inspect.isclass(annotation):
        return " | ".join(spelled(each) for each in named)
    names = {str: "string", int: "integer", float: "number", bool: "boolean"}
    if inspect.isclass(annotation):
        return names.get(annotation, annotation.__name__)
    return str(annotation)


def _fields(here: type[Message]) -> Iterator[str]:
    documents = _documents(here)
    for field in msgspec.structs.fields(here):
        needed = " (required)" if field.required else ""
        yield f"  {field.encode_name} <{spelled(field.type)}>{needed}"
        told = documents.get(field.name, "").splitlines()
        if told:
            yield f"      {told[0]}"


def _field(here: type[Message] | None, step: str) -> msgspec.structs.FieldInfo:
    fields = [] if here is None else msgspec.structs.fields(here)
    for field in fields:
        if field.encode_name == step:
            return field
    known = ", ".join(each.encode_name for each in fields) or "none"
    raise typer.BadParameter(f"there is no field {step!r} here: {known}")


def _message(annotation: object) -> type[Message] | None:
    """Return the message that a field holds, directly or in a list or a map."""
    if inspect.isclass(annotation) and issubclass(annotation, Message):
        return annotation
    for part in get_args(annotation):
        found = _message(part)
        if found is not None:
            return found
    return None


def _documents(here: type[Message]) -> dict[str, str]:
    """Return each field's docstring: Python keeps them in the source only."""
    found: dict[str, str] = {}
    for owner in reversed(here.__mro__):
        if not issubclass(owner, Message):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, after in itertools.pairwise(body):
            if not (isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr)):
                continue
            if isinstance(field.target, ast.Name) and isinstance(
                after.value, ast.Constant
            ):
                found[field.target.id] = inspect.cleandoc(str(after.value.value))
    return found
