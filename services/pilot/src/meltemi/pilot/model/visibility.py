"""Who may see an object: ``exportTo``.

Source: pilot/pkg/model/push_context.go, which keeps three lists of everything and
lets a namespace's own come first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EVERYONE: Final = "*"
HOME: Final = "."
NOBODY: Final = "~"

T = TypeVar("T")


def visible(export_to: Sequence[str], home: str, viewer: str) -> bool:
    """Tell whether an object of namespace ``home`` can be seen from ``viewer``.

    ``*`` is everyone, ``.`` its own namespace, ``~`` nobody, a name that namespace;
    nothing at all is everyone.
    """
    if not export_to or EVERYONE in export_to:
        return True
    if NOBODY in export_to:
        return False
    return viewer in export_to or (HOME in export_to and home == viewer)


@dataclass(frozen=True)  # no slots: 3.11 breaks frozen+slots+Generic on Cls[T]()
class Exported(Generic[T]):
    """Objects by who sees them; each list keeps the order it was given."""

    private: Mapping[str, tuple[T, ...]]
    """By namespace: seen at home only."""
    shared: Mapping[str, tuple[T, ...]]
    """By namespace: of another namespace, which names this one."""
    public: tuple[T, ...]
    homes: frozenset[str]
    """The namespaces that see more than what is public."""

    @classmethod
    def of(
        cls,
        objects: Iterable[tuple[T, str, Sequence[str]]],
        default: Sequence[str],
    ) -> Exported[T]:
        """Return ``objects``, each with its namespace and ``exportTo``, arranged.

        ``default`` is what an empty ``exportTo`` means; empty too: everyone.
        """
        private: dict[str, list[T]] = {}
        shared: dict[str, list[T]] = {}
        public: list[T] = []
        for each, home, export_to in objects:
            words = export_to or default or (EVERYONE,)
            if EVERYONE in words:
                public.append(each)
                continue
            if NOBODY in words:
                continue
            for word in dict.fromkeys(home if it == HOME else it for it in words):
                lists = private if word == home else shared
                lists.setdefault(word, []).append(each)
        return cls(
            {home: tuple(each) for home, each in private.items()},
            {home: tuple(each) for home, each in shared.items()},
            tuple(public),
            frozenset(private.keys() | shared.keys()),
        )

    def seen_from(self, namespace: str) -> tuple[T, ...]:
        """Return what ``namespace`` sees: its own, what it was given, the public."""
        own = self.private.get(namespace, ())
        return own + self.shared.get(namespace, ()) + self.public

    def replaced(self, others: Mapping[int, T]) -> Exported[T]:
        """Return the same with ``others`` in place of some, by the identity of those.

        What takes the place of another is seen by the same.
        """

        def among(every: tuple[T, ...]) -> tuple[T, ...]:
            return tuple([others.get(id(each), each) for each in every])

        return Exported(
            {home: among(each) for home, each in self.private.items()},
            {home: among(each) for home, each in self.shared.items()},
            among(self.public),
            self.homes,
        )
