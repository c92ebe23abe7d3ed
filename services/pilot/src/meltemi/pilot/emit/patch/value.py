"""The value of a patch as the message it stands for, and merging it into another."""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor_pool import Default
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.pilot.ir.patch import Patch

M = TypeVar("M", bound=Message)


class UnreadableValueError(MeshError):
    """A patch's value is not the message that its target is."""

    code = "envoyfilter.unreadable-value"
    blame = Blame.CALLER


def read(patch: Patch, kind: type[M]) -> M:
    """Return the value of ``patch`` as a ``kind``; unknown fields are left out.

    Raises:
        UnreadableValueError: If a field has another type, or a type is not known.

    """
    written = json.loads(patch.value or "{}")
    for url in _types(written):
        known(url.rpartition("/")[2])
    try:
        return ParseDict(written, kind(), ignore_unknown_fields=True)
    except ParseError as error:
        subject = f"{patch.origin.subject} {patch.origin.path}.patch.value"
        raise UnreadableValueError(
            f"{subject} is not a {kind.DESCRIPTOR.full_name}: {error}"
        ) from error


def _types(value: object) -> list[str]:
    if isinstance(value, list):
        return [url for each in value for url in _types(each)]
    if not isinstance(value, dict):
        return []
    own = [value["@type"]] if isinstance(value.get("@type"), str) else []
    return own + [url for each in value.values() for url in _types(each)]


@cache
def known(name: str) -> type[Message] | None:
    """Return the class of the message called ``name``; None if nobody knows it."""
    try:
        return GetMessageClass(Default().FindMessageTypeByName(name))
    except KeyError:
        pass
    package = name.rpartition(".")[0]
    try:
        folder = import_module(package)
    except ImportError:
        return None
    for module in pkgutil.iter_modules(folder.__path__, f"{package}."):
        if module.name.endswith("_pb2"):
            import_module(module.name)
    try:
        return GetMessageClass(Default().FindMessageTypeByName(name))
    except KeyError:
        return None


def merge(into: Message, value: Message, *, lists: bool = False) -> None:
    """Merge ``value`` into ``into``: what it says goes over what is there.

    Repeated fields are added to; with ``lists`` they are replaced. Packed messages of
    one type are merged too, and not replaced.

    Source:
        pkg/proto/merge and pilot/pkg/networking/core/envoyfilter.

    """
    for field, given in value.ListFields():
        repeated = field.is_repeated
        if repeated and lists and not _is_map(field):
            into.ClearField(field.name)
        if not repeated and field.message_type is not None:
            _merge_message(into, field.name, given, lists=lists)
        else:
            part = type(value)()
            part.CopyFrom(value)
            for other, _ in value.ListFields():
                if other.name != field.name:
                    part.ClearField(other.name)
            into.MergeFrom(part)


def _is_map(field: object) -> bool:
    message = getattr(field, "message_type", None)
    return bool(message and message.GetOptions().map_entry)


def _merge_message(into: Message, name: str, given: Message, *, lists: bool) -> None:
    held = getattr(into, name)
    if isinstance(given, Any) and isinstance(held, Any):
        _merge_packed(held, given, lists=lists)
    elif given.DESCRIPTOR.full_name.startswith("google.protobuf."):
        held.CopyFrom(given)
    else:
        held.SetInParent()
        merge(held, given, lists=lists)


def _merge_packed(held: Any, given: Any, *, lists: bool) -> None:
    if held.type_url != given.type_url:
        held.CopyFrom(given)
        return
    kind = known(held.type_url.rpartition("/")[2])
    if kind is None:
        held.CopyFrom(given)
        return
    try:
        inner, value = kind.FromString(held.value), kind.FromString(given.value)
    except DecodeError:
        held.CopyFrom(given)
        return
    merge(inner, value, lists=lists)
    held.value = inner.SerializeToString(deterministic=True)
