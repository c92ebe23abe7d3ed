"""What a write means for the objects around it: the analyzers' words, at the write.

Only what the index relates to the object is looked at, and only so much of it: the
whole mesh is what ``meltemi analyze`` is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.analysis.analyze import analyze
from meltemi.config.analysis.world import World, subject
from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.ledger_keys import object_key
from meltemi.config.schema.mesh_config import MeshConfig
from meltemi.galley.relations import Relations
from meltemi.galley.rivals import Rivals
from meltemi.galley.warned import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.names import Key, Revision
    from meltemi.store.ports import Listing, Step

    Object = Resource[Message]
    MayRead = Callable[[Key], bool]

MOST_NEIGHBOURS: Final = 500
"""Objects around one that are looked at: some 20 ms at the most."""
MOST_DEPENDENTS: Final = 8
"""Objects that refer to one and are looked at anew, at an ordinary write."""
MOST_FORESEEN: Final = 128
"""The same in a dry run, whose caller waits for an answer and writes nothing."""


BOUNDED: Final = "ANALYSIS_BOUNDED"
NAMES_OTHERS: Final = frozenset({"IST0109", "IST0138", "IST0140", "IST0145", "IST0177"})
"""Messages that name other objects than their own."""


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after a write; None: it is not there."""

    before: Object | None
    after: Object | None


class Foresight:
    """Knows the objects of a mesh, and what becomes of them by a write."""

    def __init__(self, root_namespace: str) -> None:
        self.relations = Relations()
        self.rivals = Rivals()
        self._root = root_namespace
        self._revisions: dict[Key, Revision] = {}

    def replace(self, listing: Listing) -> None:
        """Know what ``listing`` holds, and nothing else."""
        there = {object_key(each.key): each for each in listing.entries}
        for key in self._revisions.keys() - there.keys():
            self._forget(key)
        for key, entry in there.items():
            self._take(key, entry.value, entry.revision)

    def step(self, step: Step) -> None:
        """Take what one revision changed."""
        for each in step.mutations:
            self._take(object_key(each.key), each.value, step.revision)

    def note(self, key: Key, resource: Object | None, revision: Revision) -> None:
        """Take what was just written, before it comes back from the ledger."""
        if revision <= self._revisions.get(key, 0):
            return
        self._revisions[key] = revision
        if resource is None:
            self.relations.remove(key)
            self.rivals.remove(key)
        else:
            self.relations.put(resource)
            self.rivals.put(resource)

    def _take(self, key: Key, value: bytes | None, revision: Revision) -> None:
        """Read what the ledger holds; what cannot be read is as good as absent."""
        known = self._revisions.get(key, 0)
        if value is None and revision >= known:
            self._forget(key)
        if value is None or revision <= known:
            return
        try:
            self.note(key, from_stored(value), revision)
        except UnreadableObjectError:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        self._revisions.pop(key, None)
        self.relations.remove(key)
        self.rivals.remove(key)

    def warnings(
        self, changes: Sequence[Change], may_read: MayRead, *, dry_run: bool = False
    ) -> tuple[Warned, ...]:
        """Return what the analyzers say about ``changes``, and newly about others.

        Args:
            changes: What is written together.
            may_read: Whether the caller may know of an object that is not its own.
            dry_run: Nothing is written: look further.

        """
        after = _keyed(each.after for each in changes)
        before = _keyed(each.before for each in changes)
        gone = before.keys() - after.keys()
        told: list[Warned] = []
        for each in after.values():
            told += self._own(each, self._shown(each, after, gone), may_read)
        most = MOST_FORESEEN if dry_run else MOST_DEPENDENTS
        referring = _keyed(
            found
            for each in changes
            for found in self.relations.dependents(each.before, each.after)
            if found.key not in after and found.key not in gone and may_read(found.key)
        )
        for each in list(referring.values())[:most]:
            told += self._anew(each, before, after)
        if dry_run and len(referring) > most:
            key = next(iter((*after, *gone)))
            more = f"{len(referring) - most} more objects refer to it: "
            more += "meltemi analyze looks at all"
            told.append(Warned.about(key, BOUNDED, more))
        return tuple(dict.fromkeys(told))

    def _anew(
        self,
        resource: Object,
        before: Mapping[Key, Object],
        after: Mapping[Key, Object],
    ) -> Iterator[Warned]:
        """Yield what is said about ``resource`` after a write, and was not before."""
        old = self._shown(resource, before, after.keys() - before.keys())
        new = self._shown(resource, after, before.keys() - after.keys())
        known = set(self._remarks(resource, old))
        for found in self._remarks(resource, new):
            if found not in known:
                yield Warned.of(found)

    def _shown(
        self, resource: Object, beside: Mapping[Key, Object], gone: AbstractSet[Key]
    ) -> dict[Key, Object]:
        """Return ``resource`` and what it has to do with, as a write leaves them."""
        around = self.relations.around(resource, beside.values())
        found = {**around, resource.key: resource, **beside}
        return {key: found[key] for key in sorted(found) if key not in gone}

    def _own(
        self, resource: Object, shown: Mapping[Key, Object], may_read: MayRead
    ) -> Iterator[Warned]:
        """Yield what is said about it; no object is named that may not be read."""
        if len(shown) > MOST_NEIGHBOURS:
            text = f"it has to do with {len(shown)} objects: meltemi analyze says more"
            yield Warned.about(resource.key, BOUNDED, text)
            return
        rivals = (key for key in shown if key.kind == resource.kind)
        named = all(may_read(key) for key in rivals)
        for found in self._remarks(resource, shown):
            code = found.message.code
            if not named and code in NAMES_OTHERS:
                text = "an object that you may not read conflicts with it"
                yield Warned.about(resource.key, code, text)
            else:
                yield Warned.of(found)

    def _remarks(
        self, resource: Object, shown: Mapping[Key, Object]
    ) -> Sequence[Remark]:
        if len(shown) > MOST_NEIGHBOURS:
            return ()
        settings = (each.spec for each in shown.values())
        mesh = next((each for each in settings if isinstance(each, MeshConfig)), None)
        objects = tuple(shown.values())
        world = World(objects=objects, mesh=mesh, root_namespace=self._root)
        about = subject(resource)
        return [
            found for found in analyze(world, resource.kind) if found.subject == about
        ]


def _keyed(objects: Iterable[Object | None]) -> dict[Key, Object]:
    return {each.key: each for each in objects if each is not None}
