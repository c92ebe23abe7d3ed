"""Every field that a person can write, as a path: ``spec.http[].match[].uri.exact``."""

from __future__ import annotations

from enum import EnumMeta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.kinds import Kind


def field_paths(kind: Kind) -> Mapping[str, str]:
    """Return the paths below ``spec``, each with its words when it is an enum."""
    return dict(_below(msgspec.inspect.type_info(kind.spec), "spec"))


def _below(kind: msgspec.inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            yield from _at(field.type, f"{path}.{field.encode_name}")


def _at(kind: msgspec.inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    match kind:
        case msgspec.inspect.UnionType(types=(given, msgspec.inspect.NoneType())):
            yield from _at(given, path)
        case msgspec.inspect.VarTupleType(item_type=item):
            yield f"{path}[]", ""
            yield from _below(item, f"{path}[]")
        case msgspec.inspect.DictType(value_type=msgspec.inspect.CustomType()):
            yield path, ""  # free form: a google.protobuf.Struct
        case msgspec.inspect.DictType(value_type=value):
            yield f"{path}{{}}", ""
            yield from _below(value, f"{path}{{}}")
        case msgspec.inspect.EnumType(cls=words):
            assert isinstance(words, EnumMeta)
            yield path, "/".join(str(word.value) for word in words)
        case _:
            yield path, ""
            yield from _below(kind, path)
