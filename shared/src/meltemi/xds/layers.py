"""Several mappings seen as one, so that what many share is not copied for each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

V = TypeVar("V")

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Layers(Mapping[str, V]):
    """Mappings that have no name in common, as one; nobody may change them."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Mapping[str, V], ...]) -> None:
        self.parts = parts

    def __getitem__(self, name: str) -> V:
        for each in self.parts:
            if name in each:
                return each[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in each for each in self.parts)

    def __iter__(self) -> Iterator[str]:
        for each in self.parts:
            yield from each

    def __len__(self) -> int:
        return sum(map(len, self.parts))


def layered(parts: Iterable[Mapping[str, V]]) -> Mapping[str, V]:
    """Return ``parts`` as one mapping; where only one holds anything, that one."""
    full = tuple(each for each in parts if each)
    if len(full) == 1:
        return full[0]
    return Layers(full) if full else MappingProxyType(dict[str, V]())


def layers_of(mapping: Mapping[str, V]) -> tuple[Mapping[str, V], ...]:
    """Return the mappings that `layered` made ``mapping`` of."""
    return mapping.parts if isinstance(mapping, Layers) else (mapping,)
