"""What a server of configuration said of one kind last, and what differs now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import collection_prefix, ledger_key
from meltemi.pilot.mcp.reading import UnreadableResourceError, called, read
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

        An object that cannot be read stays as it was. Where even its name cannot be
        read it may be any: then none of the kind is taken away.
        """
        places: dict[bytes, str] = {}
        fresh: dict[str, bytes] = {}
        unreadable: dict[bytes, str] = {}
        for each in found:
            known = self.places.get(each)
            if known is not None:
                places[each] = known
                continue
            try:
                resource = read(self.kind, each)
            except UnreadableResourceError as error:
                unreadable[each] = str(error)
                continue
            key = ledger_key(self.mesh, resource.key)
            places[each], fresh[key] = key, stored(resource)
        gone = self.values.keys() - places.values() - self._kept(unreadable)
        mutations = [
            Mutation(key, value, self.values.get(key))
            for key, value in fresh.items()
            if self.values.get(key) != value
        ]
        mutations += [Mutation(key, None, self.values.pop(key)) for key in sorted(gone)]
        self.places = places
        self.values.update(fresh)
        return Difference(tuple(mutations), tuple(unreadable.values()))

    def _kept(self, unreadable: Iterable[bytes]) -> set[str]:
        """Return the ledger keys of those that ``unreadable`` may be versions of."""
        names = [called(each) for each in unreadable]
        if not all(names):
            return set(self.values)
        collection = collection_prefix(self.mesh, self.kind.__name__)
        return {f"{collection}{name}" for name in names}
