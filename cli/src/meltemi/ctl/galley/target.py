"""Which objects a command is about: ``KIND``, ``KIND NAME`` or ``KIND/NAME``."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import typer

from meltemi.config.kinds import KIND_BY_WORD, Kind, kind_called

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message


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


def target(words: list[str], namespace: str) -> Target:
    """Return what ``words`` name.

    Raises:
        typer.BadParameter: If they name no kind we know, or too much.

    """
    if len(words) == 1 and "/" in words[0]:
        words = words[0].split("/", 1)
    if not 1 <= len(words) <= 2:  # noqa: PLR2004 - KIND, or KIND and NAME
        raise typer.BadParameter(f"expected KIND NAME or KIND/NAME, found {words}")
    kind = kind_called(words[0])
    if kind is None:
        near = get_close_matches(words[0].lower(), KIND_BY_WORD, n=1)
        names = ", ".join(sorted({each.name for each in KIND_BY_WORD.values()}))
        advice = f"did you mean {near[0]}?" if near else f"known: {names}"
        raise typer.BadParameter(f"{words[0]!r} is not a kind: {advice}")
    return Target(kind, namespace, words[1] if len(words) > 1 else "")


def several(words: list[str], namespace: str) -> list[Target]:
    """Return what ``words`` name: ``KIND/NAME…``, ``KIND NAME…`` or ``KIND`` alone.

    Raises:
        typer.BadParameter: If they name no kind we know, or nothing of it.

    """
    if not words:
        return []
    if "/" in words[0] or len(words) == 1:
        return [target([word], namespace) for word in words]
    return [target([words[0], name], namespace) for name in words[1:]]


def target_of(resource: Resource[Message]) -> Target:
    """Return the object that ``resource`` is."""
    kind = KIND_BY_WORD[resource.kind.lower()]
    return Target(kind, resource.metadata.namespace, resource.metadata.name)


def selecting(labels: str, fields: str = "") -> str:
    """Return the query that selects, or nothing."""
    wanted = {"labelSelector": labels, "fieldSelector": fields}
    query = urlencode({name: text for name, text in wanted.items() if text})
    return f"?{query}" if query else ""
