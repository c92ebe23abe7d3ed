"""The mesh as its stored bytes say, one value at a time.

An object this Pilot cannot read (a newer Galley wrote it, or a bit flipped) is set
aside, and the last version of it that could be read stays: one bad object must not
take others, or itself, away.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.ledger_keys import ForeignKeyError, object_key
from meltemi.pilot.model.fetched_keys import FetchedKeys
from meltemi.pilot.model.mesh import Mesh

if TYPE_CHECKING:
    from meltemi.kernel.names import Revision
    from meltemi.pilot.model.secret_store import SecretStore
    from meltemi.store.ports import Listing


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stored value that was set aside, and why."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of some stored values."""

    touched: int
    """How many objects are different now."""
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(slots=True)
class StoredMesh:
    """A mesh, and the revision of every value it was made from."""

    mesh: Mesh = field(default_factory=Mesh)
    revisions: dict[str, Revision] = field(default_factory=dict[str, "Revision"])

    def take(self, key: str, value: bytes | None, revision: Revision) -> Kept:
        """Take the value of one ledger key; None means that it is gone."""
        if value is None:
            gone = self.revisions.pop(key, None)
            if gone is not None:
                self.mesh = self.mesh.drop(object_key(key))
            return Kept(int(gone is not None))
        if self.revisions.get(key) == revision:
            return Kept(0)
        try:
            object_key(key)
            self.mesh = self.mesh.put(from_stored(value))
        except (ForeignKeyError, UnreadableObjectError) as error:
            return Kept(0, (Unreadable(key, str(error)),))
        self.revisions[key] = revision
        return Kept(1)

    def take_beside(self, found: FetchedKeys | SecretStore) -> bool:
        """Take all fetched keys, or all secrets, there are; tell whether they differ.

        That keys were fetched anew, and are the same, is no difference.
        """
        if isinstance(found, FetchedKeys):
            differs = found.by_source != self.mesh.keys.by_source
            later = replace(self.mesh, keys=found)
        else:
            was = self.mesh.secrets
            differs = (found.by_place, found.gone) != (was.by_place, was.gone)
            later = replace(self.mesh, secrets=found)
        if differs:
            self.mesh = later
        return differs

    def replace(self, listing: Listing) -> Kept:
        """Take everything there is: what ``listing`` does not hold is gone."""
        present = {entry.key for entry in listing.entries}
        taken = [
            self.take(key, None, listing.revision)
            for key in self.revisions.keys() - present
        ]
        taken += [
            self.take(entry.key, entry.value, entry.revision)
            for entry in listing.entries
        ]
        return Kept(
            touched=sum(each.touched for each in taken),
            unreadable=tuple(bad for each in taken for bad in each.unreadable),
        )
