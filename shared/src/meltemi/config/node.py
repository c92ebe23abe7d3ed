"""A text as a tree whose every node remembers where it stood."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{
        spelling: value
        for words, value in (
            (("true", "yes", "on"), True),
            (("false", "no", "off"), False),
        )
        for word in words
        for spelling in (word, word.title(), word.upper())
    },
    **dict.fromkeys(("y", "Y"), True),
    **dict.fromkeys(("n", "N"), False),
}
"""What YAML 1.1 takes for null, true and false when it stands without quotes."""
FIRST_OF_NUMBER: Final = frozenset("+-.0123456789")
INTEGER: Final = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F]{1,40}|0[bB][01]{1,160}|0o?[0-7]{1,60}"
    r"|0|[1-9][0-9]{0,40})"
)
FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
LONGEST_NUMBER: Final = 400

PlainScalar: TypeAlias = str | int | float | bool | None


@dataclass(slots=True)
class Scalar:
    """A word or a quoted string. Lines and columns are 1-based; 0 is nowhere."""

    text: str
    value: PlainScalar
    """What ``text`` stands for: the text itself when it was quoted."""
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class ListNode:
    """A list."""

    line: int = 0
    column: int = 0
    items: list[Node] = field(default_factory=list["Node"])


@dataclass(slots=True)
class MapNode:
    """A map, in the order of the text; no key stands twice."""

    line: int = 0
    column: int = 0
    keys: dict[str, Scalar] = field(default_factory=dict[str, Scalar])
    values: dict[str, Node] = field(default_factory=dict[str, "Node"])


Node: TypeAlias = Scalar | ListNode | MapNode


def plain_scalar(text: str) -> PlainScalar:
    """Return what the unquoted ``text`` stands for.

    Source:
        go-yaml v2's resolve.go, which reads YAML for Istio: YAML 1.1 words and
        integers, but neither dates nor base-60 numbers. ``y`` and ``n`` count as
        words here, so that a text means the same to every reader. Numbers JSON cannot
        hold (``.inf``, ``.nan``) stay text.

    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in FIRST_OF_NUMBER or len(text) > LONGEST_NUMBER:
        return text
    if INTEGER.fullmatch(text):
        return _integer(text)
    if FLOAT.fullmatch(text):
        number = float(text)
        return number if isfinite(number) else text
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    legacy_octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8) if legacy_octal else int(digits, 0)
    return -value if text[0] == "-" else value


def plain_value(node: Node) -> object:
    """Return ``node`` as dicts, lists and scalars, without the positions."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain_value(item) for item in node.items]
    return {key: plain_value(value) for key, value in node.values.items()}


def node_of(value: object) -> Node:
    """Return ``value``, as a JSON reader made it, as a tree without positions."""
    if isinstance(value, dict):
        values = {str(key): node_of(each) for key, each in value.items()}
        return MapNode(keys={key: Scalar(key, key) for key in values}, values=values)
    if isinstance(value, list):
        return ListNode(items=[node_of(each) for each in value])
    if value is None or isinstance(value, str | int | float):
        return Scalar(str(value), value)
    raise TypeError(f"a JSON reader does not make {type(value).__name__}")


def nearest_node(root: Node, steps: Sequence[str]) -> Node:
    """Return the node at the end of ``steps``, or the last one on the way there."""
    node = root
    for step in steps:
        below = _child(node, step)
        if below is None:
            break
        node = below
    return node


def _child(node: Node, step: str) -> Node | None:
    if isinstance(node, MapNode):
        return node.values.get(step)
    if isinstance(node, ListNode) and step.isdigit() and int(step) < len(node.items):
        return node.items[int(step)]
    return None
