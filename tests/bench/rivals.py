"""A peer's figures beside ours, of the same run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from measure import Figure, Whose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def compared(ours: Iterable[Figure], theirs: Iterable[Figure]) -> Iterator[Figure]:
    """Yield what the peer took for what was measured of both, and the ratios.

    There is no ratio to nothing, nor of how busy the machine was.
    """
    by_name = {each.name: each for each in theirs}
    for each in ours:
        found = by_name.get(each.name)
        if found is None:
            continue
        yield replace(found, name=f"peer: {each.name}", whose=Whose.PEER)
        if found.value and "load average" not in each.name:
            ratio = each.value / found.value
            yield Figure(f"ratio: {each.name}", ratio, "", whose=Whose.RATIO)
