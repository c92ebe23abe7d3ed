"""What was looked at while something was made, so that it is made no more often.

Two proxies that would give the same answers to all that was looked at are given the
same thing, and it is good until one of the answers is another. So nothing is made
finer, or made again sooner, than what was made needs, and nobody has to keep a list
of what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from meltemi.config.resource import Resource
from meltemi.pilot.model.index import Index
from meltemi.pilot.scope.node import NodeSettings
from meltemi.pilot.scope.proxy import ProxyClass
from meltemi.pilot.scope.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meltemi.config.schema.destination_rule import DestinationRule

S = TypeVar("S")
T = TypeVar("T")

Question = tuple[str | frozenset[str], ...]
"""What is looked at of a class (an attribute, one of its node, a label by its name,
whether its namespace is among some), of the mesh or of a scope (an attribute, what
holds for a host)."""

GROUP: Final = "group"
NODE: Final = "node"
LABEL: Final = "label_map"
HOME: Final = "home"
MESH: Final = "index"
SCOPE: Final = "scope"
RULE: Final = "rule"
ONLY_PORT: Final = "only_port"
OF_SCOPE: Final = (SCOPE, RULE, ONLY_PORT)
OWN: Final = ((SCOPE, "targets"), (SCOPE, "own"))
"""What a workload answers for itself: the rest of a scope others may see alike."""
BY_IDENTITY: Final = (MESH, SCOPE, RULE)
"""Answers to these are large, and the same object while they are the same."""


def of_class(group: ProxyClass, question: Question) -> object:
    """Return what ``group`` answers to ``question``."""
    match question:
        case (first, str(name)) if first == NODE:
            return getattr(group.node, name)
        case (first, str(name)) if first == LABEL:
            return group.label_map.get(name)
        case (first, frozenset() as names) if first == HOME:
            return group.home(names)
        case (str(name),):
            return getattr(group, name)
        case _:
            raise ValueError(f"{question} cannot be asked")


def of_scope(scope: Scope, question: Question) -> object:
    """Return what ``scope``, its mesh or its class answers to ``question``."""
    match question:
        case (first, str(name)) if first == MESH:
            return getattr(scope.index, name)
        case (first, str(name)) if first == SCOPE:
            return getattr(scope, name)
        case (first, str(host)) if first == RULE:
            return scope.rule(host)
        case (first, str(host)) if first == ONLY_PORT:
            return scope.only_port(host)
        case _:
            return of_class(scope.group, question)


@dataclass(slots=True)
class Asking(Generic[S]):
    """Takes down the questions that are put to ``subject``, with its answers."""

    subject: S
    answers: Callable[[S, Question], object]
    asked: dict[Question, object] = field(default_factory=dict["Question", object])

    def ask(self, *question: str | frozenset[str]) -> object:
        """Return the answer, and take down the question."""
        try:
            return self.asked[question]
        except KeyError:
            found = self.asked[question] = self.answers(self.subject, question)
            return found


Observer = Asking[ProxyClass] | Asking[Scope]


def watched_class(observer: Observer) -> ProxyClass:
    """Return the class that is observed; every question to it is taken down."""
    made = _made(_WatchedClass, observer)
    object.__setattr__(made, "_node", _made(_WatchedNode, observer))
    return made


def watched_scope(observer: Asking[Scope]) -> Scope:
    """Return the scope that is observed; every question to it is taken down."""
    made = _made(_WatchedScope, observer)
    object.__setattr__(made, "_group", watched_class(observer))
    object.__setattr__(made, "_index", _made(_WatchedIndex, observer))
    return made


def _made(kind: type[T], observer: Observer) -> T:
    made = object.__new__(kind)
    object.__setattr__(made, "_observer", observer)
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
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, str]:
        labels = self._observer.ask("labels")
        return dict(labels) if isinstance(labels, tuple) else {}


class _WatchedClass(ProxyClass):
    __slots__ = ("_node", "_observer")
    _observer: Observer
    _node: NodeSettings

    def __getattribute__(self, name: str) -> object:
        if name == NODE:
            return object.__getattribute__(self, "_node")
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        observer: Observer = object.__getattribute__(self, "_observer")
        if name == LABEL:
            return _Labels(observer)
        if name == HOME:
            return lambda names: observer.ask(HOME, names)
        return observer.ask(name)


class _WatchedNode(NodeSettings):
    __slots__ = ("_observer",)
    _observer: Observer

    def __getattribute__(self, name: str) -> object:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        observer: Observer = object.__getattribute__(self, "_observer")
        return observer.ask(NODE, name)


class _WatchedIndex(Index):
    __slots__ = ("_observer",)
    _observer: Observer

    def __getattribute__(self, name: str) -> object:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        observer: Observer = object.__getattribute__(self, "_observer")
        return observer.ask(MESH, name)


class _WatchedScope(Scope):
    """Its properties and methods are run: what they look at is taken down."""

    __slots__ = ("_group", "_index", "_observer")
    _observer: Observer
    _group: ProxyClass
    _index: Index

    def __getattribute__(self, name: str) -> object:
        if name in (GROUP, MESH):
            return object.__getattribute__(self, f"_{name}")
        if name.startswith("_") or name not in Scope.__dataclass_fields__:
            return object.__getattribute__(self, name)
        observer: Observer = object.__getattribute__(self, "_observer")
        return observer.ask(SCOPE, name)

    def rule(self, host: str) -> Resource[DestinationRule] | None:
        found = self._observer.ask(RULE, host)
        return found if isinstance(found, Resource) else None

    def only_port(self, host: str) -> int | None:
        found = self._observer.ask(ONLY_PORT, host)
        return found if isinstance(found, int) else None
