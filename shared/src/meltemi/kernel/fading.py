"""A mapping that forgets what nobody asks for any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

K = TypeVar("K")
V = TypeVar("V")

FEWEST: Final = 64


@dataclass(slots=True)
class Fading(Generic[K, V]):
    """Holds what was put in or asked for lately, in two generations.

    Whoever uses it says when everything in use has been asked for (`turn`). What was
    not asked for from one turn to the next but one is forgotten.

    Attributes:
        large: Whether what it holds is large: then it forgets at every turn, and not
            only if enough was put in to be worth it.

    """

    large: bool = False
    newer: dict[K, V] = field(default_factory=dict["K", "V"])
    older: dict[K, V] = field(default_factory=dict["K", "V"])
    fresh: int = 0
    """How many were put in since the last turn."""

    def get(self, key: K) -> V | None:
        """Return what was put in for ``key``; None: nothing, or it was forgotten."""
        found = self.newer.get(key)
        if found is None:
            found = self.older.get(key)
            if found is not None:
                self.newer[key] = found
        return found

    def put(self, key: K, value: V) -> V:
        """Hold ``value``, and return it."""
        self.newer[key] = value
        self.fresh += 1
        return value

    def values(self) -> Iterator[V]:
        """Yield what is held, which is not to ask for it; some of it twice."""
        yield from self.newer.values()
        yield from self.older.values()

    def turn(self) -> None:
        """Forget what was not asked for since the last turn but one."""
        worth_it = 1 if self.large else max(FEWEST, len(self.newer) // 2)
        if self.fresh >= worth_it:
            self.older, self.newer, self.fresh = self.newer, {}, 0
