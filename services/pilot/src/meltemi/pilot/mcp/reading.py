"""From the bytes of one object to the object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf
from google.protobuf.unknown_fields import UnknownFieldSet

from meltemi.config.kinds import KIND_BY_NAME
from meltemi.config.resource import Metadata, Resource
from meltemi.config.values import decode_value
from meltemi.kernel.errors import Blame, MeshError
from meltemi.pilot.mcp.envelope import Envelope
from meltemi.pilot.mcp.messages import message_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.message import Message
    from meltemi.pilot.mcp.envelope import Described, Moment

T = TypeVar("T", bound="Message")

START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableResourceError(MeshError):
    """A server of configuration sent what is not an object of the kind."""

    code = "mcp.unreadable"
    blame = Blame.PEER


def read(kind: type[Message], value: bytes) -> Resource[Message]:
    """Return the object of ``kind`` whose envelope ``value`` is.

    Raises:
        UnreadableResourceError: If it is none: the text names it as far as it can.

    """
    whose = called(value) or "no name that can be read"
    envelope = _as(Envelope, value, f"an envelope of {kind.__name__} {whose}")
    told, name = envelope.metadata, envelope.metadata.name
    if not envelope.body.type_url.endswith(f".{kind.__name__}"):
        raise UnreadableResourceError(
            f"{name}: expected a {kind.__name__}, found {envelope.body.type_url!r}"
        )
    return Resource(
        api_version=KIND_BY_NAME[kind.__name__].api_version,
        kind=kind.__name__,
        metadata=_metadata(told),
        spec=_as(kind, envelope.body.value, f"{kind.__name__} {name}"),
    )


def called(value: bytes) -> str:
    """Return ``NAMESPACE/NAME`` as the envelope ``value`` says; empty: it says nothing.

    The name can be read where the rest cannot.
    """
    try:
        found = MessageToDict(message_class(Envelope).FromString(value))
    except (DecodeError, SerializeToJsonError):
        return ""
    return str(found.get("metadata", {}).get("name", ""))


def _metadata(told: Described) -> Metadata:
    namespace, slash, name = told.name.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise UnreadableResourceError(
            f"expected NAMESPACE/NAME as an object's name, found {told.name!r}"
        )
    return Metadata(
        name=name,
        namespace=namespace,
        labels=told.labels,
        annotations=told.annotations,
        creation_timestamp=_spelled(told.create_time) if told.create_time else "",
    )


def _spelled(moment: Moment) -> str:
    try:
        when = START + timedelta(seconds=moment.seconds)
    except OverflowError as error:
        raise UnreadableResourceError(f"{moment.seconds} s is no time") from error
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _as(kind: type[T], value: bytes, what: str) -> T:
    """Return the message in ``value``, by way of its JSON form."""
    try:
        found = message_class(kind).FromString(value)
        if strange := next(_strange(found), None):
            raise UnreadableResourceError(f"{what}: no field is known of {strange}")
        return msgspec.convert(
            MessageToDict(found), kind, strict=False, dec_hook=decode_value
        )
    except (DecodeError, SerializeToJsonError, msgspec.ValidationError) as error:
        raise UnreadableResourceError(f"{what}: {error}") from error


def _strange(message: Protobuf) -> Iterator[str]:
    """Yield which field numbers, in which message, the schema does not know."""
    fields = UnknownFieldSet(message)
    for at in range(len(fields)):
        yield f"number {fields[at].field_number} of {message.DESCRIPTOR.name}"
    for _, value in message.ListFields():
        values = [value]
        if isinstance(value, Mapping):
            values = list(value.values())
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            values = list(value)
        for each in values:
            if isinstance(each, Protobuf):
                yield from _strange(each)
