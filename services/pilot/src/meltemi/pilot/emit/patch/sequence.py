"""Changing one item of an ordered list, as filters and routes are.

Source: pilot/pkg/networking/core/envoyfilter/listener_patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from meltemi.pilot.emit.patch.value import merge, read
from meltemi.pilot.ir.patch import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meltemi.pilot.ir.patch import Patch

M = TypeVar("M", bound=Message)


def changed(
    items: Sequence[M],
    patch: Patch,
    kind: type[M],
    matches: Callable[[M], bool],
    *,
    anchored: bool,
) -> tuple[list[M], int]:
    """Return ``items`` after ``patch``, and how often it matched.

    ``anchored`` says that the patch names an item. To insert before or after nothing
    in particular is to insert at the beginning or the end.
    """
    first = patch.change is Change.FIRST
    if first or (patch.change is Change.BEFORE and not anchored):
        return [read(patch, kind), *items], 1
    last = patch.change is Change.ADD
    if last or (patch.change is Change.AFTER and not anchored):
        return [*items, read(patch, kind)], 1
    if patch.change in (Change.BEFORE, Change.AFTER):
        return _inserted(items, patch, kind, matches)
    if patch.change is Change.REMOVE:
        kept = [each for each in items if not matches(each)]
        return kept, len(items) - len(kept)
    if patch.change is Change.REPLACE:
        return _replaced(items, patch, kind, matches) if anchored else ([*items], 0)
    return _merged(items, patch, kind, matches)


def _replaced(
    items: Sequence[M], patch: Patch, kind: type[M], matches: Callable[[M], bool]
) -> tuple[list[M], int]:
    """Put the value in the place of the first that matches."""
    for number, each in enumerate(items):
        if matches(each):
            return [*items[:number], read(patch, kind), *items[number + 1 :]], 1
    return [*items], 0


def _inserted(
    items: Sequence[M], patch: Patch, kind: type[M], matches: Callable[[M], bool]
) -> tuple[list[M], int]:
    for number, each in enumerate(items):
        if matches(each):
            place = number + int(patch.change is Change.AFTER)
            return [*items[:place], read(patch, kind), *items[place:]], 1
    return list(items), 0


def _merged(
    items: Sequence[M], patch: Patch, kind: type[M], matches: Callable[[M], bool]
) -> tuple[list[M], int]:
    count = 0
    for each in items:
        if matches(each):
            lists = patch.change is Change.MERGE_LISTS
            merge(each, read(patch, kind), lists=lists)
            count += 1
    return list(items), count
