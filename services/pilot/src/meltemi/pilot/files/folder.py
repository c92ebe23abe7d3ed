"""What the files of a folder say, and what differs since they were looked at last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meltemi.config.canonical import stored
from meltemi.config.decode import decode
from meltemi.config.finding import InvalidConfigError
from meltemi.config.ledger_keys import ledger_key
from meltemi.store.ports import Mutation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Objects = tuple[tuple[str, bytes], ...]
"""Ledger key and stored value of each object of a file."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file as it was read, and the objects that hold for it."""

    data: bytes | None
    """None: the system would not give it to us."""
    objects: Objects
    problems: tuple[str, ...] = ()
    """Why it could not be read; ``objects`` are what it said before."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed, and what is wrong with the files as they are now."""

    mutations: tuple[Mutation, ...]
    unread: tuple[str, ...] = ()
    """Of files that cannot be read: which, where and why."""
    doubled: tuple[str, ...] = ()
    """Of objects that more than one file has."""


@dataclass(slots=True)
class Folder:
    """The objects of all files; of one that cannot be read, those it had before.

    Attributes:
        mesh: Whose part of a ledger the objects are.
        namespace: Where objects belong that do not say.

    """

    mesh: str
    namespace: str = "default"
    texts: dict[str, Text] = field(default_factory=dict[str, Text])
    """By the name of the file."""
    values: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """By ledger key the object as the ledger would hold it."""

    def replace(self, files: Mapping[str, bytes | OSError]) -> Difference:
        """Take that there are ``files`` and no other: bytes by name, or why not.

        The error of a folder stands for all that is below it.
        """
        texts: dict[str, Text] = {}
        for name, data in files.items():
            texts[name] = self._text(name, data)
            if isinstance(data, OSError):
                below = f"{name}/"
                hidden = (each for each in self.texts if each.startswith(below))
                texts.update({each: self.texts[each] for each in hidden})
        texts = dict(sorted(texts.items()))
        doubled: list[str] = []
        values = self._values(texts, doubled)
        mutations = [
            Mutation(key, value, self.values.get(key))
            for key, value in values.items()
            if self.values.get(key) != value
        ]
        gone = sorted(self.values.keys() - values.keys())
        mutations += [Mutation(key, None, self.values[key]) for key in gone]
        self.texts, self.values = texts, values
        unread = tuple(each for text in texts.values() for each in text.problems)
        return Difference(tuple(mutations), unread, tuple(doubled))

    def _text(self, name: str, data: bytes | OSError) -> Text:
        known = self.texts.get(name)
        objects = known.objects if known else ()
        if isinstance(data, OSError):
            return Text(None, objects, (f"{name}: {data.strerror}",))
        if known is not None and known.data == data:
            return known
        try:
            return Text(data, tuple(self._objects(name, data)))
        except InvalidConfigError as error:
            return Text(data, objects, tuple(map(str, error.findings)))

    def _objects(self, name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
        for each in decode(data, file=name, default_namespace=self.namespace):
            yield ledger_key(self.mesh, each.key), stored(each)

    def _values(
        self, texts: Mapping[str, Text], doubled: list[str]
    ) -> dict[str, bytes]:
        """Return every object once: of two files with one, the first has its way."""
        values: dict[str, bytes] = {}
        places: dict[str, str] = {}
        for name, text in texts.items():
            for key, value in text.objects:
                first = places.setdefault(key, name)
                if first == name:
                    values[key] = value
                else:
                    kind, namespace, called = key.split("/")[-3:]
                    doubled.append(
                        f"{name}: {kind.partition('.')[0]}/{namespace}/{called} is in "
                        f"{first} too, which holds: take one of them out"
                    )
        return values
