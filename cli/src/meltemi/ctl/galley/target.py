"""Which objects a command is about: ``vs``, ``vs,dr``, ``vs reviews``, ``vs/reviews``.

Without ``-n`` a name may bring its namespace, as Istio's users write it:
``reviews.shop``. A namespace has no dots, so the last one separates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import typer

from meltemi.config.kinds import KIND_BY_WORD, KINDS, Kind, kind_called
from meltemi.ctl.output import DEFAULT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

EVERY_KIND = "all"


@dataclass(frozen=True, slots=True)
class Target:
    """A kind, and one object of it or all."""

    kind: Kind
    namespace: str
    name: str = ""

    @property
    def title(self) -> str:
        """The object as people write it: ``virtualservice/reviews``."""
        return f"{self.kind.name.lower()}/{self.name}"

    @property
    def full_title(self) -> str:
        """The same with its namespace: ``virtualservice/reviews.default``."""
        return f"{self.title}.{self.namespace}"

    @property
    def subject(self) -> str:
        """The same as messages name it: ``virtualservice default/reviews``."""
        return f"{self.kind.name.lower()} {self.namespace}/{self.name}"

    @property
    def api_version(self) -> str:
        """The version it is asked for in."""
        return self.kind.api_version

    @property
    def path(self) -> str:
        """Where Galley serves it; all namespaces where ``namespace`` is empty."""
        kind = self.kind
        base = f"/apis/{kind.group}/{kind.versions[0]}"
        if self.namespace:
            base += f"/namespaces/{quote(self.namespace, safe='')}"
        name = f"/{quote(self.name, safe='')}" if self.name else ""
        return f"{base}/{kind.plural}{name}"


def target(words: Sequence[str], namespace: str) -> Target:
    """Return the object, or the kind, that ``words`` name.

    Raises:
        typer.BadParameter: If they name no kind we know, or too much.

    """
    if len(words) > 2:  # noqa: PLR2004 - KIND, or KIND and NAME
        raise typer.BadParameter(f"expected KIND NAME or KIND/NAME, found {words}")
    found = several(words, namespace)
    if len(found) != 1:
        raise typer.BadParameter(f"expected KIND NAME or KIND/NAME, found {words}")
    return found[0]


def several(words: Sequence[str], namespace: str) -> list[Target]:
    """Return what ``words`` name: ``KIND[,KIND] [NAME…]`` or ``KIND/NAME…``.

    Raises:
        typer.BadParameter: If they name no kind we know, or mix both forms.

    """
    if not words:
        return []
    if any("/" in word for word in words):
        pairs = [word.partition("/") for word in words]
        for word, (_, slash, name) in zip(words, pairs, strict=True):
            if not (slash and name):
                raise typer.BadParameter(f"{word!r} is not KIND/NAME as the others are")
        return [_named(the_kind(kind), name, namespace) for kind, _, name in pairs]
    kinds, names = kinds_called(words[0]), words[1:]
    if names and words[0] == EVERY_KIND:
        raise typer.BadParameter(f"a NAME belongs to one kind: found {words}")
    if not names:
        return [Target(kind, namespace or DEFAULT_NAMESPACE) for kind in kinds]
    return [_named(kind, name, namespace) for kind in kinds for name in names]


def kinds_called(word: str) -> list[Kind]:
    """Return the kinds that ``vs``, ``vs,dr`` or ``all`` name.

    Raises:
        typer.BadParameter: If one of them is none we know.

    """
    if word == EVERY_KIND:
        return list(KINDS)
    return list({the_kind(each): None for each in word.split(",")})


def the_kind(word: str) -> Kind:
    """Return the kind called ``word``.

    Raises:
        typer.BadParameter: If we know none; with what was probably meant.

    """
    kind = kind_called(word)
    if kind is None:
        near = get_close_matches(word.lower(), KIND_BY_WORD, n=1)
        names = ", ".join(kind.name for kind in KINDS)
        advice = f"did you mean {near[0]}?" if near else f"known: {names}"
        raise typer.BadParameter(f"{word!r} is not a kind: {advice}")
    return kind


def _named(kind: Kind, name: str, namespace: str) -> Target:
    if namespace or "." not in name:
        return Target(kind, namespace or DEFAULT_NAMESPACE, name)
    name, _, home = name.rpartition(".")
    return Target(kind, home, name)


def target_of(resource: Resource[Message]) -> Target:
    """Return the object that ``resource`` is."""
    kind = KIND_BY_WORD[resource.kind.lower()]
    return Target(kind, resource.metadata.namespace, resource.metadata.name)


def selecting(labels: str, fields: str = "") -> str:
    """Return the query that selects, or nothing."""
    wanted = {"labelSelector": labels, "fieldSelector": fields}
    query = urlencode({name: text for name, text in wanted.items() if text})
    return f"?{query}" if query else ""
