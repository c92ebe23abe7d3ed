"""Variables of Compose in a text, whose values are not known yet.

Source:
    The Compose Specification, "Interpolation": ``$NAME``, ``${NAME}``,
    ``${NAME:-otherwise}``, where another variable may stand in ``otherwise``; ``$$`` is
    a dollar.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ANY: Final = "$"
"""What stands for a variable in a text in which they are masked."""
DRIVE: Final = re.compile(r"[A-Za-z]")
"""Of Windows, before the colon that separates nothing: ``C:\\data``."""


def is_variable(text: str) -> bool:
    """Tell whether there is a variable in ``text``."""
    return any(True for _ in _spans(text))


def masked(text: str) -> str:
    """Return ``text`` with `ANY` for each variable."""
    made, at = "", 0
    for first, last in _spans(text):
        made += text[at:first] + ANY
        at = last
    return made + text[at:]


def parts(text: str, separator: str = ":") -> list[str]:
    """Return the parts of ``text`` between separators, none of which is in a variable.

    A drive of Windows stays with its path.
    """
    found, at = [""], 0
    for first, last in [*_spans(text), (len(text), len(text))]:
        begun, *others = text[at:first].split(separator)
        found[-1] += begun
        found += others
        found[-1] += text[first:last]
        at = last
    for index, each in enumerate(found[:-1]):
        if DRIVE.fullmatch(each) and found[index + 1].startswith(("\\", "/")):
            found[index : index + 2] = [f"{each}{separator}{found[index + 1]}"]
            break
    return found


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where variables are: their first character, and the one behind them."""
    at = 0
    while (at := text.find("$", at)) >= 0:
        if text.startswith("$$", at):
            at += 2
            continue
        name = NAME.match(text, at + 1)
        last = _closed(text, at + 2) if text.startswith("${", at) else None
        if name:
            last = name.end()
        if last is not None:
            yield at, last
        at = last or at + 1


def _closed(text: str, at: int) -> int | None:
    """Return the place behind the brace that closes the one before ``at``."""
    depth = 1
    for place in range(at, len(text)):
        if text.startswith("${", place):
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if not depth:
                return place + 1
    return None
