"""Small pieces that every Envoy message is made of."""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack
from typing import TYPE_CHECKING

from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.config_source_pb2 import (
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
)
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value
from xds.type.v3.typed_struct_pb2 import TypedStruct

from meltemi.kernel.varint import varint

if TYPE_CHECKING:
    from google.protobuf.message import Message

NANOSECONDS = 1_000_000_000


def serialized(message: Message) -> bytes:
    """Return the bytes of ``message``, equal for equal messages: maps are sorted."""
    return message.SerializeToString(deterministic=True)


def packed(message: Message) -> Any:
    """Return ``message`` in an Any, with the type URL Envoy knows it by."""
    url = f"type.googleapis.com/{message.DESCRIPTOR.full_name}"
    return Any(type_url=url, value=serialized(message))


def typed_struct(name: str, value: Mapping[str, object]) -> Message:
    """Return a message that Envoy knows by ``name``, and our types not or not whole.

    Source:
        xds/type/v3/typed_struct.proto: Envoy takes it wherever an Any stands.

    """
    result = TypedStruct(type_url=f"type.googleapis.com/{name}")
    result.value.ParseFromString(_struct(value))
    return result


class Written(bytes):
    """A protobuf Value that was written once and is used again."""

    __slots__ = ()


def written(value: object) -> Written:
    """Return JSON as the bytes of a Value; a metric has hundreds of them.

    Raises:
        TypeError: If it is no JSON.

    Source:
        google/protobuf/struct.proto for the numbers of the fields.

    """
    match value:
        case Written():
            return value
        case str():
            return Written(_field(3, value.encode()))
        case bool():
            return Written(bytes((4 << 3, value)))
        case int() | float():
            return Written(b"\x11" + pack("<d", value))
        case Mapping():
            return Written(_field(5, _struct(value)))
        case list() | tuple():
            return Written(_field(6, b"".join(_field(1, written(v)) for v in value)))
        case _:
            raise TypeError(f"{value!r} is no JSON")


def _struct(value: Mapping[str, object]) -> bytes:
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, written(each)))
        for name, each in value.items()
    )


def _field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def duration(nanoseconds: int) -> Duration:
    """Return a protobuf duration of that many nanoseconds."""
    seconds, rest = divmod(nanoseconds, NANOSECONDS)
    return Duration(seconds=seconds, nanos=rest)


def optional_duration(nanoseconds: int | None) -> Duration | None:
    """Return the duration, or None, which leaves the field unset."""
    return None if nanoseconds is None else duration(nanoseconds)


def optional_uint(value: int | None) -> UInt32Value | None:
    """Return the wrapped integer, or None, which leaves the field unset."""
    return None if value is None else UInt32Value(value=value)


def socket_address(address: str, port: int, netns: str = "") -> Address:
    """Return a TCP address, or a Unix socket where ``address`` is ``unix://PATH``.

    ``netns`` is the file of the network namespace that the port is in; empty: ours.
    """
    if address.startswith("unix://"):
        made = Address()
        made.pipe.path = address.removeprefix("unix://")
        return made
    where = SocketAddress(
        address=address, port_value=port, network_namespace_filepath=netns
    )
    return Address(socket_address=where)


def from_ads() -> ConfigSource:
    """Return "ask on the stream this came from"."""
    return ConfigSource(
        ads=AggregatedConfigSource(),
        resource_api_version=ApiVersion.V3,
        initial_fetch_timeout=duration(0),
    )
