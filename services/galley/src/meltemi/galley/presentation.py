"""Objects as the API shows them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.config.values import encode_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.kinds import Kind
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.message import Message
    from meltemi.galley.admit import Held
    from meltemi.galley.distribution import Condition
    from meltemi.kernel.names import Revision


class Status(msgspec.Struct, frozen=True):
    """What became of an object: computed for each answer, never stored."""

    conditions: tuple[Condition, ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object in the API version it was asked for in."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Message
    status: Status | msgspec.UnsetType = msgspec.UNSET


def shown(
    held: Held, api_version: str, conditions: tuple[Condition, ...] = ()
) -> Shown:
    """Return what a reader of ``api_version`` gets to see of ``held``."""
    resource = held.resource
    revision = str(held.revision) if held.revision else ""
    return Shown(
        api_version=api_version,
        kind=resource.kind,
        metadata=msgspec.structs.replace(resource.metadata, resource_version=revision),
        spec=resource.spec,
        status=Status(conditions) if conditions else msgspec.UNSET,
    )


def shown_list(
    kind: Kind, api_version: str, items: Sequence[Shown], revision: Revision
) -> dict[str, object]:
    """Return a list in Kubernetes' form."""
    return {
        "apiVersion": api_version,
        "kind": f"{kind.name}List",
        "metadata": {"resourceVersion": str(revision)},
        "items": items,
    }


def as_json(value: object) -> bytes:
    """Return ``value`` as JSON."""
    return msgspec.json.encode(value, enc_hook=encode_value)
