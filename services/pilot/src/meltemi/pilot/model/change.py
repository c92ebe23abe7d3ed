"""What is another in a mesh than in the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.pilot.model.index import differing
from meltemi.pilot.model.registry import NOWHERE, Moved, moved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.pilot.model.index import Index

ANSWERED_FOR: Final = frozenset({"services", "revision"})
"""What differs when others answer for a service."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a mesh differs from the one before.

    Attributes:
        fields: Of `meltemi.pilot.model.index.Index`, those that are another object.
        moved: What became of the services.

    """

    fields: frozenset[str]
    moved: Moved

    @property
    def of_instances(self) -> bool:
        """Whether others answer for services, and nothing else changed."""
        return self.fields <= ANSWERED_FOR and self.moved.pairs is not None

    def concerns(self, namespace: str, addresses: Iterable[str]) -> bool:
        """Tell whether a workload may answer for something else now."""
        if namespace in self.moved.namespaces:
            return True
        return not self.moved.addresses.isdisjoint(addresses)


NONE: Final = Change(frozenset(), NOWHERE)


def change(before: Index, now: Index) -> Change:
    """Return how ``now``, which was made of ``before``, differs from it."""
    return Change(differing(before, now), moved(before.services, now.services))
