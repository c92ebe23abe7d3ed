"""Where a URL points: a kind in one of its versions, a namespace, a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.config.kinds import kind_at
from meltemi.galley.refusals import UnknownKindError
from meltemi.kernel.names import Key, Namespace

if TYPE_CHECKING:
    from fastapi import Request

    from meltemi.config.kinds import Kind

COLLECTION = "/apis/{group}/{version}/namespaces/{namespace}/{plural}"
EVERYWHERE = "/apis/{group}/{version}/{plural}"
OBJECT = COLLECTION + "/{name}"


@dataclass(frozen=True)
class Place:
    """A kind in one of its versions, a namespace (None: all) and maybe a name."""

    kind: Kind
    api_version: str
    namespace: str | None
    name: str = ""

    @property
    def key(self) -> Key:
        """The identity of the object here."""
        return Key(self.kind.name, Namespace(self.namespace or ""), self.name)


def place_of(request: Request) -> Place:
    """Return what the parts of a URL mean.

    Raises:
        UnknownKindError: If nothing is served there.

    """
    parts: dict[str, str] = request.path_params
    group, version, plural = parts["group"], parts["version"], parts["plural"]
    kind = kind_at(group, version, plural)
    if kind is None:
        raise UnknownKindError(
            f"/apis/{group}/{version} serves no {plural!r}: /apis lists what is served"
        )
    return Place(
        kind, f"{group}/{version}", parts.get("namespace"), parts.get("name", "")
    )
