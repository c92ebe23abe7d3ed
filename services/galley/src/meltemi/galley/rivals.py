"""Who wants the same as an object: an index, so that a long list stays cheap. Pure."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Final

from meltemi.config.analysis.conflicts import age, conflicts, sought, wanted

if TYPE_CHECKING:
    from meltemi.config.analysis.conflicts import Conflict
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.names import Key

    Object = Resource[Message]

MOST: Final = 16
"""Rivals of one object that are looked at, the oldest ones."""


class Rivals:
    """Objects by what they want, and the conflicts of those that were asked for."""

    def __init__(self) -> None:
        self._objects: dict[str, Object] = {}
        """By the key's text: unlike a key, a text remembers its hash."""
        self._ages: dict[str, tuple[str, str, str]] = {}
        self._wanting: dict[str, set[str]] = {}
        self._known: dict[str, tuple[Object, tuple[Conflict, ...]]] = {}

    def put(self, resource: Object) -> None:
        """Take an object, in place of the one of its name."""
        self.remove(resource.key)
        name = str(resource.key)
        self._objects[name] = resource
        self._ages[name] = age(resource.metadata)
        for word in wanted(resource):
            self._wanting.setdefault(word, set()).add(name)
        self._forget_around(resource)

    def remove(self, key: Key) -> None:
        """Forget an object, if there is one."""
        name = str(key)
        resource = self._objects.pop(name, None)
        if resource is None:
            return
        del self._ages[name]
        for word in set(wanted(resource)):
            self._wanting[word].discard(name)
            if not self._wanting[word]:
                del self._wanting[word]
        self._known.pop(name, None)
        self._forget_around(resource)

    def conflicts(self, resource: Object) -> tuple[Conflict, ...]:
        """Return what ``resource`` and others both want, the oldest of them first."""
        name = str(resource.key)
        asked, found = self._known.get(name, (None, ()))
        if asked is None or asked != resource:
            around = self._around(resource) - {name}
            oldest = nsmallest(MOST, around, key=self._ages.__getitem__)
            found = conflicts(resource, [self._objects[each] for each in oldest])
            if name in self._objects:
                self._known[name] = resource, found
        return found

    def _around(self, resource: Object) -> set[str]:
        return set().union(
            *(self._wanting.get(word, ()) for word in set(sought(resource)))
        )

    def _forget_around(self, resource: Object) -> None:
        if self._known:
            for name in self._around(resource):
                self._known.pop(name, None)
