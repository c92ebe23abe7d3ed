"""What a server of configuration said of one kind last, and what differs now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.pilot.mcp.reading import UnreadableResourceError, read
from meltemi.store.ports import Mutation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.schema.message import Message


@dataclass(frozen=True, slots=True)
class Difference:
    """What a response changes, and the errors of those objects that cannot be read."""

    mutations: tuple[Mutation, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(slots=True)
class Held:
    """The objects of one kind, known by the bytes they came in.

    The protocol sends all objects of a kind whenever one changes: those whose bytes
    are known already are passed over without being read.
    """

    kind: type[Message]
    mesh: str
    places: dict[bytes, str] = field(default_factory=dict[bytes, str])
    """By bytes the ledger key of the object."""
    values: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """By ledger key the object as the ledger would hold it."""

    def replace(self, found: Iterable[bytes]) -> Difference:
        """Take that there is ``found`` and nothing else of the kind.

        An object that cannot be read keeps no earlier version of itself: which it
        would be is not known.
        """
        places: dict[bytes, str] = {}
        fresh: dict[str, bytes] = {}
        unreadable: list[str] = []
        for each in found:
            known = self.places.get(each)
            if known is not None:
                places[each] = known
                continue
            try:
                resource = read(self.kind, each)
            except UnreadableResourceError as error:
                unreadable.append(str(error))
                continue
            key = ledger_key(self.mesh, resource.key)
            places[each], fresh[key] = key, stored(resource)
        gone = self.values.keys() - places.values()
        mutations = [
            Mutation(key, value, self.values.get(key)) for key, value in fresh.items()
        ]
        mutations += [Mutation(key, None, self.values.pop(key)) for key in sorted(gone)]
        self.places = places
        self.values.update(fresh)
        return Difference(tuple(mutations), tuple(unreadable))
