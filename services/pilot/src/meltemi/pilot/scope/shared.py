"""Things made once for all who would be given the same, and kept while it is the same.

What is made is found again by the answers to what was looked at while it was made
(`meltemi.pilot.scope.observed`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

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


@dataclass(frozen=True, slots=True)
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

    def answers_to(self, scope: Scope, given: Answers) -> bool:
        """Tell whether it would be made of ``scope`` and ``given`` again."""
        answers = tuple(of_scope(scope, each) for each in self.questions)
        was = _key(self.questions, self.whole, self.given)
        return _key(self.questions, answers, given) == was


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
class Asked(Generic[T]):
    """Things that were made where the same was asked, by the answers."""

    held: Fading[Answers, Kept[T]]
    lately: bool = True
    """Whether one of them was found or made since the last turn."""


@dataclass(slots=True)
class ByScope(Generic[T]):
    """Things made of scopes and kept over revisions of the mesh.

    Attributes:
        large: Whether one of them is as large as what everybody sees.
        made: By questions. These name namespaces and labels that objects speak of, so
            that other ones come with other objects.

    """

    large: bool = False
    made: dict[Questions, Asked[T]] = field(
        default_factory=dict["Questions", "Asked[T]"]
    )

    def of(
        self,
        scope: Scope,
        given: Answers,
        make: Callable[[Scope], T],
        before: Kept[T] | None = None,
    ) -> Kept[T]:
        """Return what ``make`` makes of ``scope``, or made of one that answers alike.

        ``make`` must read nothing but the scope it is given, and ``given``, whose
        parts are known by their identity. ``before`` is what one who asks was given
        last: it may be forgotten here, where nobody had to ask for it.
        """
        for questions, asked in self.made.items():
            answers = tuple(of_scope(scope, each) for each in questions)
            found = asked.held.get(_key(questions, answers, given))
            if found is not None:
                asked.lately = True
                return found
        if before is not None and before.answers_to(scope, given):
            return self._hold(before)
        observer = Asking(scope, of_scope)
        result = make(watched_scope(observer))
        questions, answers = tuple(observer.asked), tuple(observer.asked.values())
        return self._hold(kept(questions, answers, given, result))

    def _hold(self, made: Kept[T]) -> Kept[T]:
        asked = self.made.get(made.questions)
        if asked is None:
            asked = self.made[made.questions] = Asked(Fading(self.large))
        asked.lately = True
        return asked.held.put(_key(made.questions, made.whole, made.given), made)

    def turn(self) -> None:
        """Forget what nobody asked for lately, if anything was asked for."""
        if any(each.lately for each in self.made.values()):
            self.made = {q: each for q, each in self.made.items() if each.lately}
        for each in self.made.values():
            each.lately = False
            each.held.turn()


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
