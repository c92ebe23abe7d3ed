"""What a tree says once its aliases and merges are resolved, and how that is written.

A word keeps whether it stood in quotes: two readers of YAML may disagree on what
``22:22`` or ``yes`` is without them, and neither shall be told otherwise than before.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from meltemi.config.extent import NODES
from meltemi.config.node import plain_scalar
from meltemi.injector.compose.tree import Alias, Mapping, Scalar, Sequence, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.node import PlainScalar
    from meltemi.injector.compose.tree import Node

MERGE: Final = "<<"
WIDTH: Final = 88
FIRST_PRINTABLE: Final = 0x20
SAFE: Final = re.compile(
    r"(?:[A-Za-z0-9_./]|--?[A-Za-z])[A-Za-z0-9_./=@+-]*(:[A-Za-z0-9_./=@+-]+)*"
)
"""What needs no quotes for any reader, unless it is a word or a number."""
NUMBERISH: Final = re.compile(r"[-+.0-9][-+.:0-9_a-fA-FxXoO]*")
"""What some reader might take for a number: ``22:22`` is one in base 60."""
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*")
TAG_HINT: Final = "resolve it first: docker compose config"


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar. Equal are those that mean the same."""

    text: str
    plain: bool = field(default=False, compare=False)
    at: tuple[int, int] = field(default=(-1, -1), compare=False)
    """Line and column, counted from 0."""
    means: PlainScalar = field(init=False)

    def __post_init__(self) -> None:
        meaning = plain_scalar(self.text) if self.plain else self.text
        object.__setattr__(self, "means", meaning)

    def __str__(self) -> str:
        return self.text


Value: TypeAlias = "Word | list[Value] | dict[str, Value]"
Services: TypeAlias = "dict[str, dict[str, Value]]"
"""Services of a file by their names."""


class Resolver:
    """Resolves trees of one file, within a number of values in all."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._left = NODES

    def value(self, node: Node) -> Value:
        """Return what ``node`` says.

        Raises:
            InvalidConfigError: If aliases make too much of it, or a tag is in it.

        """
        self._left -= 1
        at = (node.first, node.column)
        if self._left < 0:
            message = f"aliases make more than {NODES:,} values"
            raise refused(self._file, at, "TOO_LARGE", message, "write less")
        if node.tag:
            message = f"the tag {node.tag!r} cannot be carried over"
            raise refused(self._file, at, "TAG", message, TAG_HINT)
        match node:
            case Alias():
                return self.value(node.target)
            case Scalar():
                return Word(node.text, node.plain, at)
            case Sequence():
                return [self.value(each) for each in node.items]
            case Mapping():
                return self._map(node)

    def _map(self, node: Mapping) -> dict[str, Value]:
        found: dict[str, Value] = {}
        merged: list[Value] = []
        for key, below in node.entries:
            if key.text == MERGE and key.plain:
                merged += self._merged(below)
            else:
                found[key.text] = self.value(below)
        for each in merged:
            if isinstance(each, dict):
                found = {**found, **{k: v for k, v in each.items() if k not in found}}
        return found

    def _merged(self, node: Node) -> list[Value]:
        value = self.value(node)
        several: list[Value] = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in several):
            at = (node.first, node.column)
            raise refused(self._file, at, "WRONG_TYPE", "<< merges maps alone")
        return several


def value_of(plain: object) -> Value:
    """Return ``plain``, of strings, numbers, lists and maps, as a value."""
    if isinstance(plain, dict):
        return {str(key): value_of(each) for key, each in plain.items()}
    if isinstance(plain, list | tuple):
        return [value_of(each) for each in plain]
    if isinstance(plain, Word):
        return plain
    if isinstance(plain, bool):
        return Word(str(plain).lower(), plain=True)
    if isinstance(plain, int | float):
        return Word(str(plain), plain=True)
    return Word(str(plain))


def written(value: Value, indent: int) -> Iterator[str]:
    """Yield the lines of a map or a list in block style, without their ends."""
    room = " " * indent
    match value:
        case dict():
            for key, each in value.items():
                yield from _entry(f"{room}{quoted(key)}:", each, indent)
        case list():
            for each in value:
                yield from _item(room, each, indent)
        case Word():
            yield f"{room}{spelled(value)}"


def _entry(head: str, value: Value, indent: int) -> Iterator[str]:
    short = _short(value)
    if short is not None and len(head) + len(short) < WIDTH:
        yield f"{head} {short}".rstrip(" ")
    elif isinstance(value, Word):
        yield f"{head} {spelled(value)}"
    else:
        yield head
        yield from written(value, indent + 2)


def _short(value: Value) -> str | None:
    """Return ``value`` as it stands on one line, where it is small enough for one."""
    if isinstance(value, Word):
        return spelled(value)
    if isinstance(value, dict):
        return None if value else "{}"
    words = [each for each in value if isinstance(each, Word)]
    if len(words) < len(value) or not all(
        SAFE.fullmatch(each.text) for each in words if each.plain
    ):
        return None  # what is plain in a block may not be so between brackets
    return f"[{', '.join(map(spelled, words))}]"


def _item(room: str, value: Value, indent: int) -> Iterator[str]:
    if isinstance(value, Word) or not value:
        yield f"{room}- {_short(value)}".rstrip(" ")
    else:
        first, *rest = written(value, indent + 2)
        yield f"{room}- {first[indent + 2 :]}"
        yield from rest


def spelled(word: Word) -> str:
    """Return a scalar as it is written: as its owner did, or so that it is safe."""
    return word.text if word.plain else quoted(word.text)


def quoted(text: str) -> str:
    """Return a string so that every reader of YAML takes it for one."""
    odd = NUMBERISH.fullmatch(text) or DATE.fullmatch(text)
    if SAFE.fullmatch(text) and not odd and plain_scalar(text) == text:
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    """Return a character of a string in double quotes; some end a line for YAML."""
    number = ord(character)
    if character in '"\\' or number < FIRST_PRINTABLE:
        return json.dumps(character)[1:-1]
    if character.isprintable():
        return character
    return f"\\U{number:08x}"
