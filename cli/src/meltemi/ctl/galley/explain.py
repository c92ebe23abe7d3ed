"""``meltemi explain``: what a field means, from the types themselves."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, get_args, get_origin

import msgspec
import typer

from meltemi.config.schema.message import Message
from meltemi.ctl.galley.target import the_kind
from meltemi.ctl.output import HomeOption
from meltemi.ctl.state import StateOption


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(explain)


def explain(
    words: Annotated[
        list[str], typer.Argument(metavar="KIND[.FIELD…]|proxy/X TYPE NAME")
    ],
    *,
    state: StateOption,
    filename: Annotated[
        list[str] | None,
        typer.Option(
            "-f", "--filename", help="The mesh of proxy/X; default: the one that runs."
        ),
    ] = None,
    namespace: HomeOption = "default",
) -> None:
    """Tell what a field means, or which objects made a proxy's resource.

    Such as: explain vs.http.retries; explain proxy/reviews-v1 route 9080
    """
    if words[0].startswith("proxy/"):
        from meltemi.ctl.lens.made_by import (  # noqa: PLC0415 - slow to import
            explain_resource,
        )

        explain_resource(words, filename or [], namespace, state)
        return
    if filename:
        raise typer.BadParameter("-f is for proxy/X: fields mean the same everywhere")
    if len(words) > 1:
        raise typer.BadParameter(f"expected one KIND[.FIELD…], found {words}")
    _explain_field(words[0])


def _explain_field(path: str) -> None:
    """Print what ``KIND[.FIELD…]`` means, and what is in it."""
    word, *steps = path.split(".")
    kind = the_kind(word)
    here: type[Message] | None = kind.spec
    told = inspect.getdoc(kind.spec) or ""
    title = f"{kind.name} ({kind.api_version})"
    for step in steps[1:] if steps[:1] == ["spec"] else steps:
        field = _field(here, step)
        told = _told(field, _documents(here) if here else {})
        title = f"{title}.{step} <{spelled(field.type)}>"
        here = _message(field.type)
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
        for line in _told(field, documents).splitlines():
            yield f"      {line}".rstrip()


def _field(here: type[Message] | None, step: str) -> msgspec.structs.FieldInfo:
    fields = [] if here is None else msgspec.structs.fields(here)
    for field in fields:
        if field.encode_name == step:
            return field
    known = [each.encode_name for each in fields]
    near = get_close_matches(step, known, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}? " if near else ""
    names = ", ".join(known) or "none"
    raise typer.BadParameter(f"there is no field {step!r}: {advice}known: {names}")


def _told(field: msgspec.structs.FieldInfo, documents: Mapping[str, str]) -> str:
    """Return what is known of a field: its own words, its type's, and its choices."""
    said = [documents.get(field.name, "")]
    message, choices = _message(field.type), _enum(field.type)
    if not said[0] and (message or choices):
        said = [inspect.getdoc(message or choices) or ""]
    if choices:
        said.append(f"One of {', '.join(each.value for each in choices)}.")
    return "\n".join(line for line in said if line)


def _enum(annotation: object) -> type[Enum] | None:
    """Return the choices that a field, or each item of it, is one of."""
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return annotation
    found = (_enum(part) for part in get_args(annotation))
    return next((each for each in found if each), None)


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
