"""Istio's messages as protobuf classes, made of the schema and the fields' numbers.

The schema of ``meltemi.config`` says what fields there are and of what type, and
`NUMBERED` under which number they travel; so there is one description of each kind.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec.inspect as shape
from google.protobuf import duration_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from meltemi.pilot.mcp.numbers import GAP, NUMBERED, WRAPPED

if TYPE_CHECKING:
    from google.protobuf.message import Message as Protobuf

    from meltemi.config.schema.message import Message

PACKAGE: Final = "meltemi.mcp"
DURATION: Final = ".google.protobuf.Duration"
KNOWN: Final = (duration_pb2, wrappers_pb2)
F = FieldDescriptorProto
INTEGERS: Final = {0: F.TYPE_UINT32, -(2**31): F.TYPE_INT32, -(2**63): F.TYPE_INT64}
"""The integer types by the least number they hold."""


@cache
def message_class(kind: type[Message]) -> type[Protobuf]:
    """Return the protobuf class whose JSON form is that of ``kind``.

    Raises:
        KeyError: If the numbers of its fields are not known.

    """
    return GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{_name(kind)}"))


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    file = FileDescriptorProto(
        name="meltemi/mcp.proto", package=PACKAGE, syntax="proto3"
    )
    for known in KNOWN:
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        file.dependency.append(known.DESCRIPTOR.name)
    for kind, words in NUMBERED.items():
        file.message_type.append(_described(kind, words.split()))
    pool.Add(file)
    return pool


def _described(kind: type[Message], names: list[str]) -> DescriptorProto:
    made = DescriptorProto(name=_name(kind))
    info = shape.type_info(kind)
    assert isinstance(info, shape.StructType)  # noqa: S101 - a Message is a struct
    fields = {each.name: each for each in info.fields}
    for number, name in enumerate(names, start=1):
        if name == GAP:
            continue
        field = made.field.add(
            name=name,
            number=number,
            json_name=fields[name].encode_name,
            label=F.LABEL_OPTIONAL,
        )
        inner = _present(fields[name].type)
        if isinstance(inner, shape.VarTupleType):
            field.label, inner = F.LABEL_REPEATED, _present(inner.item_type)
        if isinstance(inner, shape.DictType):
            _map(made, field, inner)
        else:
            _typed(made, field, inner, wrapped=(kind, name) in WRAPPED)
    return made


def _present(found: shape.Type) -> shape.Type:
    """Return the type of a field that is there."""
    if isinstance(found, shape.Metadata):
        return _present(found.type)
    if not isinstance(found, shape.UnionType):
        return found
    members = (each for each in found.types if not isinstance(each, shape.NoneType))
    return _present(next(members))


def _typed(
    made: DescriptorProto, field: F, inner: shape.Type, *, wrapped: bool = False
) -> None:
    match inner:
        case shape.StructType(cls=kind):
            field.type, field.type_name = F.TYPE_MESSAGE, f".{PACKAGE}.{_name(kind)}"
        case shape.CustomType():
            field.type, field.type_name = F.TYPE_MESSAGE, DURATION
        case shape.EnumType(cls=words):
            name = words.__name__
            if name not in {each.name for each in made.enum_type}:
                enum = made.enum_type.add(name=name)
                for number, word in enumerate(words):
                    enum.value.add(name=str(word.value), number=number)
            field.type = F.TYPE_ENUM
            field.type_name = f".{PACKAGE}.{made.name}.{name}"
        case _:
            field.type = _scalar(inner)
            if wrapped:
                boolean = field.type == F.TYPE_BOOL
                wrapper = "BoolValue" if boolean else "UInt32Value"
                field.type = F.TYPE_MESSAGE
                field.type_name = f".google.protobuf.{wrapper}"


def _scalar(inner: shape.Type) -> F.Type.ValueType:
    match inner:
        case shape.StrType():
            return F.TYPE_STRING
        case shape.BoolType():
            return F.TYPE_BOOL
        case shape.BytesType():
            return F.TYPE_BYTES
        case shape.FloatType():
            return F.TYPE_DOUBLE
        case shape.IntType(ge=int(least)):
            return INTEGERS[least]
        case _:
            raise TypeError(f"{inner} has no type in protobuf here")


def _map(made: DescriptorProto, field: F, inner: shape.DictType) -> None:
    entry = made.nested_type.add(name=f"Entry{field.number}")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), start=1):
        part = entry.field.add(name=name, number=number, label=F.LABEL_OPTIONAL)
        kind = inner.key_type if number == 1 else inner.value_type
        _typed(entry, part, _present(kind))
    field.label, field.type = F.LABEL_REPEATED, F.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{made.name}.{entry.name}"


def _name(kind: type) -> str:
    return kind.__name__
