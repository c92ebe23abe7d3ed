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
        self._objects: dict[Key, Object] = {}
        self._ages: dict[Key, tuple[str, str, str]] = {}
        self._wanting: dict[str, set[Key]] = {}
        self._known: dict[Key, tuple[Object, tuple[Conflict, ...]]] = {}

    def put(self, resource: Object) -> None:
        """Take an object, in place of the one of its name."""
        self.remove(resource.key)
        self._objects[resource.key] = resource
        self._ages[resource.key] = age(resource.metadata)
        for word in wanted(resource):
            self._wanting.setdefault(word, set()).add(resource.key)
        self._forget_around(resource)

    def remove(self, key: Key) -> None:
        """Forget an object, if there is one."""
        resource = self._objects.pop(key, None)
        if resource is None:
            return
        del self._ages[key]
        for word in set(wanted(resource)):
            self._wanting[word].discard(key)
            if not self._wanting[word]:
                del self._wanting[word]
        self._known.pop(key, None)
        self._forget_around(resource)

    def conflicts(self, resource: Object) -> tuple[Conflict, ...]:
        """Return what ``resource`` and others both want, the oldest of them first."""
        asked, found = self._known.get(resource.key, (None, ()))
        if asked is None or asked != resource:
            around = self._around(resource)
            oldest = nsmallest(MOST, around, key=self._ages.__getitem__)
            found = conflicts(resource, [self._objects[key] for key in oldest])
            if resource.key in self._objects:
                self._known[resource.key] = resource, found
        return found

    def _around(self, resource: Object) -> set[Key]:
        words = set(sought(resource))
        found = {key for word in words for key in self._wanting.get(word, ())}
        return {key for key in found - {resource.key} if key.kind == resource.kind}

    def _forget_around(self, resource: Object) -> None:
        if self._known:
            for key in self._around(resource):
                self._known.pop(key, None)
