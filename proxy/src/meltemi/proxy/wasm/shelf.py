"""Which modules are kept, by what they were asked for: the cache's index."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection

SHELF_BYTES: Final = 1024 * 1024 * 1024
MOST_KEPT: Final = 256


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One module.

    Attributes:
        key: What it was asked for by.
        file: Its name in the folder: its SHA-256 and ``.wasm``.
        size: In bytes.
        source: The digest of the image it came from; empty: none.

    """

    key: str
    file: str
    size: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is kept, the least lately used first."""

    every: tuple[Kept, ...] = ()

    def find(self, key: str) -> Kept | None:
        """Return what was asked for by ``key``."""
        return next((each for each in self.every if each.key == key), None)

    def with_used(self, kept: Kept) -> Shelf:
        """Return the shelf after ``kept`` was put there or used again."""
        others = tuple(each for each in self.every if each.key != kept.key)
        return replace(self, every=(*others, kept))

    def only(self, files: Collection[str]) -> Shelf:
        """Return the shelf with what is in ``files`` alone."""
        return replace(self, every=tuple(e for e in self.every if e.file in files))

    def within(self, limit: int, in_use: Collection[str]) -> Shelf:
        """Return the shelf within ``limit`` bytes: what was not used longest goes.

        What is ``in_use``, by file, stays even then.
        """
        kept: list[Kept] = []
        files: dict[str, int] = {
            each.file: each.size for each in self.every if each.file in in_use
        }
        for each in reversed(self.every):
            total = sum(files.values())
            added = 0 if each.file in files else each.size
            full = total + added > limit or len(kept) >= MOST_KEPT
            if full and each.file not in in_use:
                continue
            files[each.file] = each.size
            kept.append(each)
        return replace(self, every=tuple(reversed(kept)))

    @property
    def files(self) -> frozenset[str]:
        """The names of the files it refers to."""
        return frozenset(each.file for each in self.every)

    @property
    def size(self) -> int:
        """How many bytes they have."""
        return sum({each.file: each.size for each in self.every}.values())


def encode(shelf: Shelf) -> bytes:
    """Return the index as JSON."""
    return msgspec.json.encode(shelf.every)


def decode(raw: bytes) -> Shelf:
    """Read what `encode` wrote; what cannot be read is an empty shelf."""
    try:
        return Shelf(msgspec.json.decode(raw, type=tuple[Kept, ...]))
    except msgspec.DecodeError:
        return Shelf()
