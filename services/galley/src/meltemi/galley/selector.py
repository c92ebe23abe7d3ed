"""``labelSelector`` and ``fieldSelector``: which objects of a list are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.galley.refusals import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

KEY: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
VALUE: Final = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
EQUALITY: Final = re.compile(rf"({KEY})\s*(==|=|!=)\s*({VALUE})")
MEMBERSHIP: Final = re.compile(rf"({KEY})\s+(in|notin)\s*\(([^()]*)\)")
EXISTENCE: Final = re.compile(rf"(!?)\s*({KEY})")
FIELD: Final = re.compile(r"([A-Za-z.]+)\s*(==|=|!=)\s*([^,=!]*)")
FIELDS: Final = ("metadata.name", "metadata.namespace", "spec.hosts")
LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term: whether a label, if any, has one of ``values`` (None: any at all)."""

    key: str
    values: frozenset[str] | None
    wanted: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether ``labels`` fulfil it."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found is self.wanted


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that must all hold."""

    terms: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Return the selector that ``text`` spells; nothing selects everything.

        Raises:
            InvalidQueryError: If a term is not of the grammar.

        Source:
            Kubernetes' label selectors, whole: ``a=b``, ``a==b``, ``a!=b``,
            ``a in (b,c)``, ``a notin (b,c)``, ``a``, ``!a``. What denies also selects
            objects that lack the label.

        """
        return cls(tuple(_requirement(part) for part in _parts(text, "labelSelector")))

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether all terms hold for ``labels``."""
        return all(term.holds(labels) for term in self.terms)


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Terms that must all hold: field, value, whether it must be equal."""

    terms: tuple[tuple[str, str, bool], ...] = ()

    @classmethod
    def parse(cls, text: str) -> FieldSelector:
        """Return the selector that ``metadata.name=a,spec.hosts!=b`` spells.

        Raises:
            InvalidQueryError: If a term is malformed or its field not selectable.

        """
        terms: list[tuple[str, str, bool]] = []
        for part in _parts(text, "fieldSelector"):
            match = FIELD.fullmatch(part)
            if match is None or match[1] not in FIELDS:
                raise InvalidQueryError(
                    f"fieldSelector: {part!r} is not FIELD=VALUE or FIELD!=VALUE with "
                    f"one of {', '.join(FIELDS)}"
                )
            terms.append((match[1], match[3].strip(), match[2] != "!="))
        return cls(tuple(terms))

    def selects(self, resource: Resource[Message]) -> bool:
        """Tell whether all terms hold; of several hosts, one must be equal."""
        return all(
            (value in _field(resource, field)) is equal
            for field, value, equal in self.terms
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects are meant."""

    labels: LabelSelector
    fields: FieldSelector

    @classmethod
    def parse(cls, labels: str, fields: str) -> Selection:
        """Return what the two query parameters say; raise `InvalidQueryError`."""
        return cls(LabelSelector.parse(labels), FieldSelector.parse(fields))

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.labels.terms or self.fields.terms)

    def selects(self, resource: Resource[Message]) -> bool:
        """Tell whether ``resource`` is meant."""
        labels = resource.metadata.labels
        return self.labels.selects(labels) and self.fields.selects(resource)


def _parts(text: str, name: str) -> Iterator[str]:
    """Yield the terms between the commas that are not in brackets."""
    if len(text) > LONGEST:
        raise InvalidQueryError(f"{name}: over {LONGEST} characters")
    if text.strip():
        for part in re.split(r",(?![^()]*\))", text):
            yield part.strip()


def _requirement(part: str) -> Requirement:
    if match := EQUALITY.fullmatch(part):
        return Requirement(match[1], frozenset({match[3]}), match[2] != "!=")
    if match := MEMBERSHIP.fullmatch(part):
        values = frozenset(each.strip() for each in match[3].split(","))
        if all(re.fullmatch(VALUE, each) for each in values):
            return Requirement(match[1], values, match[2] == "in")
    if match := EXISTENCE.fullmatch(part):
        return Requirement(match[2], None, not match[1])
    raise InvalidQueryError(
        f"labelSelector: {part!r} is not KEY=VALUE, KEY!=VALUE, KEY in (A,B), "
        "KEY notin (A,B), KEY or !KEY"
    )


def _field(resource: Resource[Message], field: str) -> tuple[str, ...]:
    if field == "metadata.name":
        return (resource.metadata.name,)
    if field == "metadata.namespace":
        return (resource.metadata.namespace,)
    hosts: object = getattr(resource.spec, "hosts", None)
    if isinstance(hosts, tuple | list):
        return tuple(each for each in hosts if isinstance(each, str))
    host: object = getattr(resource.spec, "host", None)
    return (host,) if isinstance(host, str) else ()
