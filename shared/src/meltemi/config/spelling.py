"""The word somebody probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 64
"""Words beyond this length are not compared: the work grows with its square."""


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that differs from ``word`` by a slip of the hand, or None.

    Case and underscores are free; otherwise a third of the letters may differ.
    """
    if not 0 < len(word) <= LONGEST:
        return None
    plain = _folded(word)
    most = max(1, len(plain) // 3)
    near = (
        (_distance(plain, folded), choice)
        for choice in choices
        if abs(len(folded := _folded(choice)) - len(plain)) <= most
    )
    distance, best = min(near, default=(LONGEST, ""))
    return best if distance <= most else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a hint that names the nearest choice, or nothing."""
    best = nearest(word, choices)
    return f"did you mean {best!r}?" if best else ""


def _folded(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()


def _distance(left: str, right: str) -> int:
    """Return the edit distance in which swapped neighbours count once.

    Source:
        Optimal string alignment (Damerau 1964, restricted form).

    """
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, a in enumerate(left, 1):
        here = [row]
        for column, b in enumerate(right, 1):
            cost = min(
                above[column] + 1,
                here[column - 1] + 1,
                above[column - 1] + (a != b),
            )
            swapped = (
                row > 1 and column > 1 and a == right[column - 2] and b == left[row - 2]
            )
            here.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, above = above, here
    return above[-1]
