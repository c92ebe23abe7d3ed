"""Things made once for all who would be given the same, and kept while it is the same.

What is made is found again by the answers to what was looked at while it was made
(`meltemi.pilot.scope.observed`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from weakref import WeakValueDictionary

from meltemi.kernel.fading import Fading
from meltemi.pilot.scope.observed import (
    BY_IDENTITY,
    MESH,
    OF_SCOPE,
    OWN,
    Asking,
    Question,
    of_class,
    of_scope,
    watched_class,
    watched_scope,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.scope.scope import Scope

T = TypeVar("T")

Questions = tuple[Question, ...]
Answers = tuple[object, ...]


@dataclass(slots=True)
class Memory:
    """What classes answered: one never answers otherwise.

    ``said`` is by the identity of a class: that class, and by questions its answers.
    Questions come and go with what the mesh has: each names the namespaces, or the
    labels, that objects speak of.
    """

    said: Fading[int, tuple[ProxyClass, Fading[Questions, Answers]]] = field(
        default_factory=Fading["int", "tuple[ProxyClass, Fading[Questions, Answers]]"]
    )

    def answers(self, group: ProxyClass, questions: Questions) -> Answers:
        """Return what ``group`` answers to each of ``questions``."""
        known = self.said.get(id(group))
        if known is None:
            known = self.said.put(id(group), (group, Fading(large=True)))
        answers = known[1].get(questions)
        if answers is None:
            answers = tuple(of_class(group, each) for each in questions)
            known[1].put(questions, answers)
        return answers

    def turn(self) -> None:
        """Forget what nobody asked for lately."""
        self.said.turn()
        for _, answers in self.said.values():
            answers.turn()


@dataclass(slots=True)
class ByClass(Generic[T]):
    """Things made for classes at one revision, each once for all that answer alike."""

    memory: Memory = field(default_factory=Memory)
    made: dict[Questions, dict[Answers, T]] = field(
        default_factory=dict["Questions", "dict[Answers, T]"]
    )

    def of(self, group: ProxyClass, make: Callable[[ProxyClass], T]) -> T:
        """Return what ``make`` makes of ``group``, or made of one that answers alike.

        ``make`` must ask nothing but the class it is given, and what is the same for
        all who ask here.
        """
        return self.found(group, make)[1]

    def found(
        self, group: ProxyClass, make: Callable[[ProxyClass], T]
    ) -> tuple[Questions, T]:
        """Return what `of` does, and what it depends on."""
        known = self.known(group)
        if known is not None:
            return known
        observer = Asking(group, of_class)
        result = make(watched_class(observer))
        questions = tuple(observer.asked)
        self.made.setdefault(questions, {})[tuple(observer.asked.values())] = result
        return questions, result

    def known(self, group: ProxyClass) -> tuple[Questions, T] | None:
        """Return what was made for ``group``, if it was, and what that depends on."""
        for questions, by_answers in self.made.items():
            found = by_answers.get(self.memory.answers(group, questions))
            if found is not None:
                return questions, found
        return None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Kept(Generic[T]):
    """Something that was made of a scope, and what of the scope it depends on."""

    value: T
    given: Answers
    fields: frozenset[str]
    """Of the mesh."""
    others: tuple[tuple[Question, object], ...]
    """Asked of what the scope sees, with its answers."""
    questions: Questions
    whole: Answers
    """All answers: they stay the objects they are while this is kept."""

    def stands(self, seen: Scope, changed: frozenset[str]) -> bool:
        """Tell whether a class whose workload answers for the same answers alike.

        What was ``given`` is another matter.

        Args:
            seen: What the class, and others, see now.
            changed: The fields in which the mesh differs since it was made.

        """
        if not self.fields.isdisjoint(changed):
            return False
        for question, answer in self.others:
            if of_scope(seen, question) is not answer:
                return False
        return True


def kept(questions: Questions, answers: Answers, given: Answers, value: T) -> Kept[T]:
    """Return ``value`` with what it depends on."""
    every = tuple(zip(questions, answers, strict=True))
    return Kept(
        value,
        given,
        frozenset(f"{q[1]}" for q in questions if q[0] == MESH),
        tuple(each for each in every if each[0][0] in OF_SCOPE and each[0] not in OWN),
        questions,
        answers,
    )


@dataclass(slots=True)
class ByScope(Generic[T]):
    """Things made of scopes, each for as long as somebody holds it.

    Not for as long as somebody asks: whoever has what still stands does not ask, and
    one who comes later is to be given the same.

    Attributes:
        made: By questions. These name namespaces and labels that objects speak of, so
            that other ones come with other objects.

    """

    made: dict[Questions, WeakValueDictionary[Answers, Kept[T]]] = field(
        default_factory=dict["Questions", "WeakValueDictionary[Answers, Kept[T]]"]
    )

    def of(self, scope: Scope, given: Answers, make: Callable[[Scope], T]) -> Kept[T]:
        """Return what ``make`` makes of ``scope``, or made of one that answers alike.

        ``make`` must read nothing but the scope it is given, and ``given``, whose
        parts are known by their identity.
        """
        for questions, held in self.made.items():
            answers = tuple(of_scope(scope, each) for each in questions)
            found = held.get(_key(questions, answers, given))
            if found is not None:
                return found
        observer = Asking(scope, of_scope)
        result = make(watched_scope(observer))
        questions, answers = tuple(observer.asked), tuple(observer.asked.values())
        made = kept(questions, answers, given, result)
        alike = self.made.setdefault(questions, WeakValueDictionary())
        alike[_key(questions, answers, given)] = made
        return made

    def turn(self) -> None:
        """Forget what was asked for things that nobody holds any more."""
        self.made = {questions: held for questions, held in self.made.items() if held}


def _key(questions: Questions, answers: Answers, given: Answers) -> Answers:
    """Return what is equal for equal answers; large ones are kept, and go by id."""
    return (
        *(
            id(answer) if question[0] in BY_IDENTITY else answer
            for question, answer in zip(questions, answers, strict=True)
        ),
        *map(id, given),
    )


def answers_alike(scope: Scope, asked: Mapping[Question, object]) -> bool:
    """Tell whether ``scope`` still answers all of ``asked`` as it did."""
    for question, answer in asked.items():
        now = of_scope(scope, question)
        if now is not answer and now != answer:
            return False
    return True


GROUNDS: Final = 16
"""So many are remembered: each holds something of every service."""


@dataclass(slots=True)
class Ground(Generic[T]):
    """Many small things made where all who ask answer alike.

    Whether they do is found out once, and not for each of the things; so what one of
    them looked at counts for all.
    """

    observer: Asking[Scope]
    held: Fading[Answers, tuple[Answers, T]] = field(
        default_factory=Fading["Answers", "tuple[Answers, T]"]
    )

    def of(self, key: Answers, make: Callable[[Scope], T]) -> T:
        """Return what was made for ``key``: words, numbers, and objects by identity."""
        ids = tuple(each if isinstance(each, str | int) else id(each) for each in key)
        found = self.held.get(ids)
        if found is None:
            made = make(watched_scope(self.observer))
            found = self.held.put(ids, (key, made))
        return found[1]


@dataclass(slots=True)
class Grounds(Generic[T]):
    """Where small things are made that outlive a revision of the mesh."""

    known: list[Ground[T]] = field(default_factory=list["Ground[T]"])

    def of(self, scope: Scope) -> Ground[T]:
        """Return where ``scope`` stands, with others whose answers are the same."""
        for place, each in enumerate(self.known):
            if answers_alike(scope, each.observer.asked):
                self.known.insert(0, self.known.pop(place))
                break
        else:
            self.known.insert(0, Ground(Asking(scope, of_scope)))
            del self.known[GROUNDS:]
        ground = self.known[0]
        ground.observer.subject = scope
        return ground

    def turn(self) -> None:
        """Forget what nobody asked for lately."""
        for each in self.known:
            each.held.turn()
