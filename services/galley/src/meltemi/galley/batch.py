"""Many writes in one request: what each item of a batch says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from meltemi.config.json_text import NotStrictJsonError, load
from meltemi.config.kinds import KIND_BY_NAME
from meltemi.galley.refusals import InvalidBodyError
from meltemi.kernel.names import Key, Namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

MOST_ITEMS: Final = 128
"""As etcd's ``--max-txn-ops``: no transaction holds more."""
MOST_APART: Final = 1000
"""Of a batch whose items are written one by one: some seconds of work."""


class ItemPreconditions(
    msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True
):
    """What must be so for one item; the names are those of the headers."""

    if_match: str | None = None
    if_none_match: str | None = None
    resource_version: str = ""


class Envelope(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"content": "object"},
):
    """One item of a JSON list that is more than an object to apply."""

    content: dict[str, object]
    operation: Literal["apply", "create", "delete"] = "apply"
    preconditions: ItemPreconditions = ItemPreconditions()


class Name(msgspec.Struct, frozen=True):
    """What a removal needs to know of an object."""

    name: str
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class Item:
    """One write of a batch; a removal has no resource."""

    operation: str
    key: Key
    resource: Resource[Message] | None
    preconditions: ItemPreconditions


def is_list(data: bytes) -> bool:
    """Tell whether a body is a JSON list of items, not a text of objects."""
    return data.lstrip()[:1] == b"["


def envelopes(data: bytes) -> Sequence[Envelope]:
    """Return the items of a JSON list: envelopes, and objects that stand alone.

    Raises:
        InvalidBodyError: Naming the item that is neither.

    """
    try:
        listed = load(data.decode())
    except (NotStrictJsonError, UnicodeDecodeError) as error:
        raise InvalidBodyError(f"the batch is not JSON: {error}") from error
    if not isinstance(listed, list):
        raise InvalidBodyError("the batch is no list")
    found: list[Envelope] = []
    for number, item in enumerate(listed):
        wrapped = isinstance(item, dict) and "object" in item and "kind" not in item
        try:
            found.append(
                msgspec.convert(item if wrapped else {"object": item}, Envelope)
            )
        except msgspec.ValidationError as error:
            raise InvalidBodyError(f"item {number}: {error}") from error
    return found


def removed_key(envelope: Envelope, number: int, default_namespace: str) -> Key:
    """Return which object an item removes.

    Raises:
        InvalidBodyError: If it names none of a kind that exists.

    """
    kind = envelope.content.get("kind")
    try:
        metadata = msgspec.convert(envelope.content.get("metadata"), Name)
    except msgspec.ValidationError as error:
        raise InvalidBodyError(f"item {number}: metadata: {error}") from error
    if not isinstance(kind, str) or kind not in KIND_BY_NAME:
        raise InvalidBodyError(f"item {number}: {kind!r} is not a kind")
    for part in (metadata.name, metadata.namespace):
        if not part or "/" in part:
            raise InvalidBodyError(f"item {number}: {part!r} is not a name")
    written = envelope.content["metadata"]
    named = isinstance(written, dict) and "namespace" in written
    namespace = metadata.namespace if named else default_namespace
    return Key(kind, Namespace(namespace), metadata.name)
