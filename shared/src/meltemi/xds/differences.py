"""What takes a proxy from one state to another, found out once for all that go there.

A thousand proxies of a mesh mostly hold the same and are to hold the same. Mappings
are told apart by which object they are, so they must not be changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from weakref import WeakKeyDictionary, ref

from meltemi.kernel.fading import Fading
from meltemi.xds.layers import NOTHING, layered, layers_of
from meltemi.xds.virtual_host import SLASH, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    Versions = Mapping[str, str]
    """By name."""


MOST: Final = 4096
"""Answers that are remembered at one revision."""

K = TypeVar("K")
V = TypeVar("V")


class Difference(NamedTuple):
    """What a proxy lacks, version by name, and the names it has too many."""

    lacking: Versions
    gone: frozenset[str]


NONE: Final = Difference(NOTHING, frozenset())


@dataclass(slots=True)
class Differences:
    """Remembers what was compared; one is shared by all sessions of a process.

    What it remembers it keeps, and a mapping of a thousand names is not small: so it
    is told of every new revision (`turn`).
    """

    found: Fading[tuple[int, int], tuple[object, object, Difference]] = field(
        default_factory=lambda: Fading(large=True)
    )
    chosen: Fading[tuple[int, int, str], tuple[object, object, Versions]] = field(
        default_factory=lambda: Fading(large=True)
    )
    names: WeakKeyDictionary[frozenset[str], ref[frozenset[str]]] = field(
        default_factory=WeakKeyDictionary["frozenset[str]", "ref[frozenset[str]]"]
    )

    def turn(self) -> None:
        """Forget what was not asked for since the last revision but one."""
        self.found.turn()
        self.chosen.turn()

    def between(self, earlier: Versions, later: Versions) -> Difference:
        """Return what leads from ``earlier`` to ``later``, by name within a layer."""
        if earlier is later:
            return NONE
        key = (id(earlier), id(later))
        known = self.found.get(key)
        if known is None:
            made = self._compared(earlier, later)
            known = _put(self.found, key, (earlier, later, made))
        return known[2]

    def _compared(self, earlier: Versions, later: Versions) -> Difference:
        ones, others = layers_of(earlier), layers_of(later)
        if not earlier and len(others) > 1:
            parts = [self.between(NOTHING, each).lacking for each in others]
            return Difference(layered(parts), frozenset())
        if len(ones) == len(others) > 1:
            return self._layer_by_layer(earlier, later)
        lacking = [
            (name, version)
            for name, version in later.items()
            if earlier.get(name) != version
        ]
        gone = frozenset(name for name in earlier if name not in later)
        return Difference(dict(sorted(lacking)), gone)

    def _layer_by_layer(self, earlier: Versions, later: Versions) -> Difference:
        """Compare mappings of as many layers; a name may move from one to another."""
        pairs = zip(layers_of(earlier), layers_of(later), strict=True)
        every = [self.between(*each) for each in pairs]
        gone = frozenset(
            name for each in every for name in each.gone if name not in later
        )
        if not any(each.gone for each in every):
            return Difference(layered(each.lacking for each in every), gone)
        lacking = {
            name: version
            for each in every
            for name, version in each.lacking.items()
            if earlier.get(name) != version
        }
        return Difference(lacking, gone)

    def among(
        self, names: frozenset[str], available: Versions, absent: str
    ) -> Versions:
        """Return the part of ``available`` that ``names`` are.

        Args:
            names: As `interned` returned them.
            available: Version by name.
            absent: The version of names that are not available; empty: left out.

        """
        key = (id(names), id(available), absent)
        known = self.chosen.get(key)
        if known is None:
            made = _among(names, available, absent)
            known = _put(self.chosen, key, (names, available, made))
        return known[2]

    def below(self, tables: frozenset[str], available: Versions) -> Versions:
        """Return the virtual hosts of ``available`` that belong to ``tables``.

        Args:
            tables: As `interned` returned them.
            available: Version by name.

        """
        key = (id(tables), id(available), SLASH)
        known = self.chosen.get(key)
        if known is None:
            made = _below(tables, available)
            known = _put(self.chosen, key, (tables, available, made))
        return known[2]

    def interned(self, names: frozenset[str]) -> frozenset[str]:
        """Return ``names``, the same object for all who name the same."""
        known = self.names.get(names)
        found = known() if known else None
        if found is not None:
            return found
        self.names[names] = ref(names)
        return names


def _put(held: Fading[K, V], key: K, value: V) -> V:
    """Remember ``value``: of a mesh that does not change not more and more, either."""
    if len(held.newer) >= MOST:
        held.turn()
    return held.put(key, value)


def _below(tables: frozenset[str], available: Versions) -> Versions:
    if {table_of(name) for name in available} <= tables:
        return available
    return {n: version for n, version in available.items() if table_of(n) in tables}


def _among(names: frozenset[str], available: Versions, absent: str) -> Versions:
    if len(names) == len(available) and all(each in names for each in available):
        return available
    if absent:
        return {name: available.get(name, absent) for name in names}
    return {name: available[name] for name in names if name in available}
