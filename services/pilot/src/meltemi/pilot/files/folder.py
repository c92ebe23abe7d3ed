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

    data: bytes
    objects: Objects


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed, and what is wrong with the files that changed."""

    mutations: tuple[Mutation, ...]
    problems: tuple[str, ...] = ()


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

    def replace(self, files: Mapping[str, bytes]) -> Difference:
        """Take that the folder has ``files``, bytes by name, and no other."""
        problems: list[str] = []
        texts: dict[str, Text] = {}
        for name, data in sorted(files.items()):
            known = self.texts.get(name)
            if known is not None and known.data == data:
                texts[name] = known
                continue
            try:
                texts[name] = Text(data, tuple(self._objects(name, data)))
            except InvalidConfigError as error:
                problems += map(str, error.findings)
                texts[name] = Text(data, known.objects if known else ())
        values = self._values(texts, problems)
        mutations = [
            Mutation(key, value, self.values.get(key))
            for key, value in values.items()
            if self.values.get(key) != value
        ]
        gone = sorted(self.values.keys() - values.keys())
        mutations += [Mutation(key, None, self.values[key]) for key in gone]
        self.texts, self.values = texts, values
        return Difference(tuple(mutations), tuple(problems))

    def _objects(self, name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
        for each in decode(data, file=name, default_namespace=self.namespace):
            yield ledger_key(self.mesh, each.key), stored(each)

    def _values(
        self, texts: Mapping[str, Text], problems: list[str]
    ) -> dict[str, bytes]:
        """Return every object once: of two files with one, the first has its way."""
        values: dict[str, bytes] = {}
        places: dict[str, str] = {}
        for name, text in texts.items():
            for key, value in text.objects:
                first = places.setdefault(key, name)
                if first == name:
                    values[key] = value
                elif self.texts.get(name) is not text:
                    kind, namespace, called = key.split("/")[-3:]
                    problems.append(
                        f"{name}: {kind.partition('.')[0]}/{namespace}/{called} is in "
                        f"{first} too, which holds: take one of them out"
                    )
        return values
