"""One spelling for each meaning, so that equal objects have equal bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.kinds import KIND_BY_NAME, KINDS
from meltemi.config.resource import Metadata, Resource
from meltemi.config.values import decode_value, encode_value
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from meltemi.config.schema.message import Message


class UnreadableObjectError(MeshError):
    """What lies in the ledger is not an object this version understands."""

    code = "config.unreadable"
    blame = Blame.PEER


class _Stored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A stored object whose specification is still to be read."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: msgspec.Raw


_ENCODER: Final = msgspec.json.Encoder(enc_hook=encode_value, order="sorted")
_ENVELOPE: Final = msgspec.json.Decoder(_Stored)
_SPECS: Final = {
    kind.name: msgspec.json.Decoder(kind.spec, dec_hook=decode_value) for kind in KINDS
}


def content(resource: Resource[Message]) -> bytes:
    """Return the canonical JSON of what the user decides: equal means "no change".

    Keys are sorted, defaults and empty lists and maps left out, durations in seconds,
    the API version the stored one; metadata that the server sets is not part of it.
    """
    metadata = resource.metadata
    return stored(
        msgspec.structs.replace(
            resource,
            metadata=Metadata(
                name=metadata.name,
                namespace=metadata.namespace,
                labels=metadata.labels,
                annotations=metadata.annotations,
            ),
        )
    )


def specification(resource: Resource[Message]) -> bytes:
    """Return the canonical JSON of the specification alone: it counts generations."""
    return _ENCODER.encode(resource.spec)


def stored(resource: Resource[Message]) -> bytes:
    """Return the bytes to keep in the ledger: canonical, with the server's metadata.

    The revision is not in them: the ledger knows it.
    """
    return _ENCODER.encode(
        msgspec.structs.replace(
            resource,
            api_version=KIND_BY_NAME[resource.kind].api_version,
            metadata=msgspec.structs.replace(resource.metadata, resource_version=""),
        )
    )


def from_stored(value: bytes) -> Resource[Message]:
    """Return the object that `stored` or `content` wrote.

    Raises:
        UnreadableObjectError: If they did not, or a newer version of them did.

    """
    try:
        envelope = _ENVELOPE.decode(value)
        spec = _SPECS[envelope.kind].decode(envelope.spec)
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError) as error:
        raise UnreadableObjectError(
            f"a stored object is unreadable: {error}; starts with {value[:80]!r}"
        ) from error
    return Resource(
        api_version=envelope.api_version,
        kind=envelope.kind,
        metadata=envelope.metadata,
        spec=spec,
    )
