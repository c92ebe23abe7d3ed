"""How much a text holds, told at a glance: reading it all would take too long.

A glance takes for small what it is not sure of; the reader has the same limits. It
costs a tenth of reading or less, so that a text beyond the limits costs little.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DEPTH: Final = 50
"""Levels of one text."""
NODES: Final = 100_000
"""Values of one text."""
ITEMS: Final = 4096
"""Items of a list, keys of a map.

Source: the largest maxItems and maxProperties of Istio's own schema.
"""
DOCUMENTS: Final = 10_000
"""Documents of one text: in 1 MiB they have a hundred bytes each."""
SEPARATOR: Final = "\n---"
MARKS: Final = ("- ", "-\n", ": ", ":\n")
"""What items and keys that have a line of their own come with."""
LINE: Final = re.compile(
    r"\n( *+)(?:(-(?=[ \n]))|(?!---)([^\s#:][^\n:]*+:(?=[ \n]))|[^\s#])"
)
"""How far in a line begins that says something; whether with an item or a key."""
BLOCK: Final = re.compile(
    r"^( *+)[^\n#]*?[:-] ++[|>][-+0-9]*+[ \t]*+(?:#[^\n]*+)?\n"
    r"(?:(?:\1 [^\n]*+|[ \t]*+)\n)*+",
    re.MULTILINE,
)
"""A literal or folded scalar, with the line that announces it."""
TOKEN: Final = re.compile(
    r'"(?<![^\s\[{,:]")(?:[^"\\]++|\\.)*+"'
    r"|'(?<![^\s\[{,:]')[^']*+'"
    r"|#(?<!\S#)[^\n]*+"
    r"|\[|\]|\{|\}|,|\n---",
    re.DOTALL,
)
"""What brackets are made of, and what only looks like it: quotes and comments."""
NOT_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\[\]{}"]++', re.DOTALL)
A_LINE: Final = 300
"""Characters behind a place that surely show what stands there."""
ROUND: Final = str.maketrans("[{]}", "(())")


@dataclass(frozen=True, slots=True)
class Excess:
    """What there is too much of, and where that begins."""

    message: str
    hint: str
    line: int
    column: int
    document: int


def excess_of(text: str) -> Excess | None:
    """Return the first limit that ``text`` surely exceeds, if any."""
    if text.count(SEPARATOR) > DOCUMENTS:
        message = f"more than {DOCUMENTS:,} documents"
        return _excess(text, len(text), message, "split the file")
    commas, lines = text.count(","), text.count("\n")
    if commas + lines <= ITEMS:
        return None
    found = None
    if lines > ITEMS < sum(map(text.count, MARKS)):
        found = _sure(text, _long)
    if found is None and commas > ITEMS:
        found = _sure(text, _wide)
    return found


def is_deep(text: str) -> bool:
    """Tell whether ``text``, which is JSON, has more than `DEPTH` levels."""
    if text.count("{") + text.count("[") <= DEPTH:
        return False
    left = NOT_BRACKETS.sub("", text).translate(ROUND)
    for _ in range(DEPTH):
        left = left.replace("()", "")
    return left != ""


def _long(text: str) -> int | None:
    """Return where a list or map, a line each item or key, exceeds its limit.

    A list may stand as far left as the key that it belongs to: so the levels are
    twice the indentation, and one more for an item. Below them all lies a level that
    is no line's, so that nobody has to ask whether there is one.
    """
    levels, counts = [-1], [0]
    for match in LINE.finditer(text):
        spaces, item, key = match.groups()
        level = 2 * len(spaces) + (item is not None)
        while levels[-1] > level:
            levels.pop()
            counts.pop()
        if item is None and key is None:
            if not spaces:  # another document begins
                levels, counts = [-1], [0]
            continue
        if levels[-1] < level:
            levels.append(level)
            counts.append(0)
        counts[-1] += 1
        if counts[-1] > ITEMS:
            return match.end(1)
    return None


def _wide(text: str) -> int | None:
    """Return where one pair of brackets exceeds its limit, or all of them theirs."""
    counts: list[int] = []
    left = NODES
    for match in TOKEN.finditer(text):
        sign = match[0]
        if sign == "," and counts:
            counts[-1] += 1
            left -= 1
            if counts[-1] >= ITEMS or not left:
                return match.start()
        elif sign in "[{":
            counts.append(0)
        elif sign in "]}" and counts:
            counts.pop()
        elif sign == SEPARATOR:
            counts.clear()
    return None


def _sure(text: str, find: Callable[[str], int | None]) -> Excess | None:
    """Return what ``find`` finds also where no literal scalar leads it astray."""
    at = find(text)
    if at is None:
        return None
    before = text[: at + A_LINE]
    sure = _without_blocks(before)
    if sure != before and find(sure) is None:
        text = _without_blocks(text)
        at = find(text)
    if at is None:
        return None
    message = f"a list or map of more than {ITEMS:,} items, or {NODES:,} in all"
    return _excess(text, at, message, "split it over several objects")


def _without_blocks(text: str) -> str:
    """Return ``text`` with empty lines instead of literal and folded scalars."""
    if "|" not in text and ">" not in text:
        return text
    return BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)


def _excess(text: str, at: int, message: str, hint: str) -> Excess:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    document = text.count(SEPARATOR, 0, at) + 1
    return Excess(message, hint, line, column, document)
