"""Objects as the API shows them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.config.values import encode_value
from meltemi.galley.distribution import Condition  # noqa: TC001 - msgspec reads it
from meltemi.galley.warned import Warned  # noqa: TC001 - msgspec reads it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.kinds import Kind
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.message import Message
    from meltemi.galley.admit import Held
    from meltemi.galley.reads import HeldList


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What became of an object: computed for each answer, never stored."""

    conditions: tuple[Condition, ...] = ()
    affected_proxies: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """In a dry run: the connected proxies that could see a difference."""
    warnings: tuple[Warned, ...] | msgspec.UnsetType = msgspec.UNSET
    """In the answer to a write: what is odd about it."""

    def having(self, more: tuple[Condition, ...]) -> Status:
        """Return it with ``more`` conditions."""
        return msgspec.structs.replace(self, conditions=(*self.conditions, *more))


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object in the API version it was asked for in."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Message
    status: Status | msgspec.UnsetType = msgspec.UNSET


def shown(held: Held, api_version: str, status: Status | None = None) -> Shown:
    """Return what a reader of ``api_version`` gets to see of ``held``."""
    resource = held.resource
    revision = str(held.revision) if held.revision else ""
    return Shown(
        api_version=api_version,
        kind=resource.kind,
        metadata=msgspec.structs.replace(resource.metadata, resource_version=revision),
        spec=resource.spec,
        status=status or msgspec.UNSET,
    )


def shown_list(
    kind: Kind, api_version: str, items: Sequence[Shown], found: HeldList
) -> dict[str, object]:
    """Return a list, or a page of it, in Kubernetes' form."""
    metadata: dict[str, object] = {"resourceVersion": str(found.revision)}
    if found.continuation:
        metadata["continue"] = found.continuation
    if found.remaining is not None:
        metadata["remainingItemCount"] = found.remaining
    return {
        "apiVersion": api_version,
        "kind": f"{kind.name}List",
        "metadata": metadata,
        "items": items,
    }


def as_json(value: object) -> bytes:
    """Return ``value`` as JSON."""
    return msgspec.json.encode(value, enc_hook=encode_value)
