"""What a proxy holds: something that many hold, and how it differs from that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meltemi.xds.layers import NOTHING, layers_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Held(Mapping[str, str]):
    """Version by name.

    Attributes:
        base: A mapping that others share; nobody changes it.
        changed: What differs from it; None: it is not held.

    """

    __slots__ = ("base", "changed")

    def __init__(self, base: Mapping[str, str] = NOTHING) -> None:
        self.base = base
        self.changed: dict[str, str | None] = {}

    def put(self, versions: Mapping[str, str]) -> None:
        """Hold ``versions``, whatever was held under their names."""
        if not self.base:
            self.changed.update(versions)
            return
        for name, version in versions.items():
            if self.base.get(name) == version:
                self.changed.pop(name, None)
            else:
                self.changed[name] = version

    def drop(self, name: str) -> None:
        """Hold nothing under ``name`` any more."""
        if name in self.base:
            self.changed[name] = None
        else:
            self.changed.pop(name, None)

    def become(self, whole: Mapping[str, str]) -> None:
        """Hold exactly ``whole``."""
        self.base = whole
        self.changed = {}

    def compare(self, whole: Mapping[str, str]) -> None:
        """Keep what is held as what differs from ``whole``, where that is shorter.

        A proxy that comes back tells all it holds: from then on it costs what differs.
        """
        if self.base or not self.changed:
            return
        have, shared = self.changed, layers_of(whole)
        changed = {
            name: have.get(name)
            for each in shared
            for name, version in each.items()
            if have.get(name) != version
        }
        others = set(have).difference(*shared)
        if len(changed) + len(others) < len(have):
            changed.update((name, have[name]) for name in others)
            self.base, self.changed = whole, changed

    def __getitem__(self, name: str) -> str:
        if name in self.changed:
            version = self.changed[name]
            if version is None:
                raise KeyError(name)
            return version
        return self.base[name]

    def __contains__(self, name: object) -> bool:
        if name in self.changed:
            return self.changed[str(name)] is not None
        return name in self.base

    def __iter__(self) -> Iterator[str]:
        yield from (each for each in self.base if each not in self.changed)
        yield from (name for name, version in self.changed.items() if version)

    def __len__(self) -> int:
        if not self.changed:
            return len(self.base)
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return bool(self.changed or self.base) and any(True for _ in self)
