"""What of a proxy was looked at while something was made for it.

Two proxies that would give the same answers to all that was looked at are given the
same thing: it is made once. So classes are no finer than what was made needs, and
nobody has to keep a list of what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from meltemi.pilot.scope.node import NodeSettings
from meltemi.pilot.scope.proxy import ProxyClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

Question = tuple[str, ...]
"""What is asked of a class: an attribute; one of its node; or a label by its name."""

NODE, LABEL = "node", "label_map"


def answer(group: ProxyClass, question: Question) -> object:
    """Return what ``group`` answers to ``question``."""
    match question:
        case (first, name) if first == NODE:
            return getattr(group.node, name)
        case (first, name) if first == LABEL:
            return group.label_map.get(name)
        case (name,):
            return getattr(group, name)
        case _:
            raise ValueError(f"{question} cannot be asked")


@dataclass(slots=True)
class Observer:
    """Takes down the questions that are asked of one class."""

    group: ProxyClass
    asked: dict[Question, object] = field(default_factory=dict["Question", object])

    def ask(self, *question: str) -> object:
        """Return the class's answer, and take down the question."""
        found = answer(self.group, question)
        self.asked[question] = found
        return found

    def watched(self) -> ProxyClass:
        """Return the class, every question to which is taken down."""
        made = object.__new__(_WatchedClass)
        object.__setattr__(made, "_observer", self)
        return made


class _Labels(Mapping[str, str]):
    """Labels that know which of them were looked for."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def __getitem__(self, name: str) -> str:
        found = self._observer.ask(LABEL, name)
        if found is None:
            raise KeyError(name)
        return str(found)

    def __iter__(self) -> Iterator[str]:
        self._observer.ask("labels")
        return iter(self._observer.group.label_map)

    def __len__(self) -> int:
        self._observer.ask("labels")
        return len(self._observer.group.label_map)


class _WatchedClass(ProxyClass):
    __slots__ = ("_observer",)
    _observer: Observer

    def __getattribute__(self, name: str) -> object:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        observer: Observer = object.__getattribute__(self, "_observer")
        if name == NODE:
            made = object.__new__(_WatchedNode)
            object.__setattr__(made, "_observer", observer)
            return made
        if name == LABEL:
            return _Labels(observer)
        return observer.ask(name)


class _WatchedNode(NodeSettings):
    __slots__ = ("_observer",)
    _observer: Observer

    def __getattribute__(self, name: str) -> object:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        observer: Observer = object.__getattribute__(self, "_observer")
        return observer.ask(NODE, name)


@dataclass(slots=True)
class Shared(Generic[T]):
    """Things made for classes, each once for all that answer alike."""

    made: dict[tuple[Question, ...], dict[tuple[object, ...], T]] = field(
        default_factory=dict["tuple[Question, ...]", "dict[tuple[object, ...], T]"]
    )

    def of(self, group: ProxyClass, make: Callable[[ProxyClass], T]) -> T:
        """Return what ``make`` makes of ``group``, or made of one that answers alike.

        ``make`` must ask nothing but the class it is given, and what is the same for
        all who ask here.
        """
        for questions, by_answers in self.made.items():
            answers = tuple(answer(group, each) for each in questions)
            found = by_answers.get(answers)
            if found is not None:
                return found
        observer = Observer(group)
        result = make(observer.watched())
        questions = tuple(sorted(observer.asked))
        answers = tuple(observer.asked[each] for each in questions)
        self.made.setdefault(questions, {})[answers] = result
        return result
