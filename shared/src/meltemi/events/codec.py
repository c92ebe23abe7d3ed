"""Changes and heartbeats as messages, and back. Nothing malformed gets in.

::

    mesh.cfg.v1.{mesh}.{plural}.{ns|_}.{created|updated|deleted}.{name}
    mesh.beat.v1.{mesh}

The operation stands before the name, and the name last, because names may have dots.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from meltemi.events.change import Change, Heartbeat, Operation
from meltemi.events.message import Message
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Epoch, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_BODY = 256 * 1024
"""Bytes; above it the object is named, not sent. NATS takes 1 MiB a message."""

LEDGER_KEY = re.compile(
    r"/mesh/v1/(?P<mesh>[-a-z0-9]{1,63})/(?P<plural>[a-z]{1,63})\.(?P<group>[.a-z0-9]{1,253})"
    r"/(?P<namespace>[-a-z0-9]{1,63}|_)/(?P<name>[-.a-z0-9]{1,253})"
)
EPOCH = re.compile(r"[0-9a-f]{1,16}|[a-z][-a-z0-9]{0,62}")
LARGEST_REVISION = 2**63 - 1
MOST_PARTS = 128
DIGITS = re.compile(r"[0-9]{1,19}")


class MalformedEventError(MeshError):
    """A message is not what its subject promises. It changes nothing."""

    code = "events.malformed"
    blame = Blame.PEER


class _Beat(msgspec.Struct, frozen=True):
    epoch: str
    head: int
    relay: str


class _Writer(msgspec.Struct, frozen=True):
    manager: str = ""
    time: str = ""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    uid: str = ""
    generation: int = 0
    managed_fields: tuple[_Writer, ...] = ()


class _Stored(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()


_BEAT = msgspec.json.Decoder(_Beat)
_STORED = msgspec.json.Decoder(_Stored)


def changes_subject(mesh: str) -> str:
    """Return the wildcard that matches every change of ``mesh``."""
    return f"mesh.cfg.v1.{mesh}.>"


def beats_subject(mesh: str) -> str:
    """Return the subject of the heartbeats of ``mesh``."""
    return f"mesh.beat.v1.{mesh}"


def encode_change(change: Change) -> Message:
    """Return the message that tells of ``change``.

    Raises:
        MalformedEventError: If its ledger key is not that of a configuration object.

    """
    key = LEDGER_KEY.fullmatch(change.ledger_key)
    if key is None:
        raise MalformedEventError(
            f"{change.ledger_key!r} is not the key of a configuration object: expected "
            "/mesh/v1/MESH/PLURAL.GROUP/NAMESPACE/NAME"
        )
    body = change.value or b""
    by_reference = len(body) > LARGEST_BODY
    headers = _headers(change, key) | _provenance(body)
    if change.trace:
        headers["traceparent"] = change.trace
    if by_reference:
        headers["ce-dataref"] = change.ledger_key
    return Message(
        _subject(key, change.operation), headers, b"" if by_reference else body
    )


def _subject(key: re.Match[str], operation: Operation) -> str:
    mesh, plural, namespace = key["mesh"], key["plural"], key["namespace"]
    return f"mesh.cfg.v1.{mesh}.{plural}.{namespace}.{operation}.{key['name']}"


def _headers(change: Change, key: re.Match[str]) -> dict[str, str]:
    """Return what consumers decide by, and CloudEvents 1.0 in binary mode.

    Source:
        CloudEvents NATS binding, "binary content mode": attributes as ``ce-``
        headers.

    """
    identity = f"{change.revision}/{change.ledger_key}"
    return {
        "Nats-Msg-Id": identity,
        "Mesh-Epoch": change.epoch,
        "Mesh-Revision": str(change.revision),
        "Mesh-Previous": str(change.previous),
        "Mesh-Part": f"{change.part}/{change.parts}",
        "ce-specversion": "1.0",
        "ce-id": identity,
        "ce-source": f"//{key['mesh']}/galley",
        "ce-type": f"io.meltemi.config.{change.operation}.v1",
        "ce-subject": f"{key['plural']}/{key['namespace']}/{key['name']}",
        "ce-sequence": str(change.revision),
        "ce-datacontenttype": "application/json",
    }


def _provenance(body: bytes) -> dict[str, str]:
    """Return what the stored object says about itself, if it can be read."""
    try:
        metadata = _STORED.decode(body).metadata if body else _Metadata()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    writer = metadata.managed_fields[-1] if metadata.managed_fields else _Writer()
    found = {
        "Mesh-Uid": metadata.uid,
        "Mesh-Generation": str(metadata.generation or ""),
        "Mesh-Actor": writer.manager,
        "ce-time": writer.time,
    }
    return {name: value for name, value in found.items() if _printable(value)}


def _printable(value: str) -> bool:
    return value.isascii() and value.isprintable() and value.strip() == value != ""


def decode_change(message: Message) -> Change:
    """Return the change that ``message`` tells of.

    Raises:
        MalformedEventError: If anything about it is not as `encode_change` writes
            it: a missing header, a subject that names another object.

    """
    headers = message.headers
    identity, _, ledger_key = _header(headers, "Nats-Msg-Id").partition("/")
    revision = _revision(_header(headers, "Mesh-Revision"))
    key = LEDGER_KEY.fullmatch(ledger_key)
    if key is None or identity != str(revision):
        raise MalformedEventError(
            f"Nats-Msg-Id {headers['Nats-Msg-Id']!r}: expected {revision}/LEDGER-KEY"
        )
    operation = _operation(message.subject, key)
    part, parts = _part(_header(headers, "Mesh-Part"))
    change = Change(
        epoch=_epoch(_header(headers, "Mesh-Epoch")),
        previous=_revision(_header(headers, "Mesh-Previous")),
        revision=revision,
        operation=operation,
        ledger_key=ledger_key,
        value=_value(message, operation),
        part=part,
        parts=parts,
        trace=headers.get("traceparent", ""),
        written=_time(headers.get("ce-time", "")),
    )
    if change.previous >= change.revision:
        raise MalformedEventError(
            f"Mesh-Previous {change.previous} is not before Mesh-Revision {revision}"
        )
    return change


def _operation(subject: str, key: re.Match[str]) -> Operation:
    for operation in Operation:
        if subject == _subject(key, operation):
            return operation
    raise MalformedEventError(
        f"subject {subject!r} does not name the object of Nats-Msg-Id {key[0]!r}"
    )


def _value(message: Message, operation: Operation) -> bytes | None:
    if operation is Operation.DELETED or "ce-dataref" in message.headers:
        return None
    if not message.body:
        raise MalformedEventError(f"{message.subject}: no body and no ce-dataref")
    return message.body


def _header(headers: Mapping[str, str], name: str) -> str:
    try:
        return headers[name]
    except KeyError:
        raise MalformedEventError(f"header {name} is missing") from None


def _revision(text: str) -> Revision:
    if DIGITS.fullmatch(text) and int(text) <= LARGEST_REVISION:
        return Revision(int(text))
    raise MalformedEventError(f"{text[:40]!r} is not a revision: expected digits")


def _time(text: str) -> datetime | None:
    """Return the time in RFC 3339; None where none is told: it is but the object's."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if DIGITS.fullmatch(part) and DIGITS.fullmatch(parts):
        numbers = int(part), int(parts)
        if 1 <= numbers[0] <= numbers[1] <= MOST_PARTS:
            return numbers
    raise MalformedEventError(f"Mesh-Part {text[:40]!r}: expected 1/1 to 128/128")


def _epoch(text: str) -> Epoch:
    if EPOCH.fullmatch(text):
        return Epoch(text)
    raise MalformedEventError(f"{text[:40]!r} is not an epoch")


def encode_beat(mesh: str, beat: Heartbeat) -> Message:
    """Return the heartbeat of a relay of ``mesh``."""
    body = msgspec.json.encode(_Beat(beat.epoch, beat.head, beat.relay))
    return Message(beats_subject(mesh), {}, body)


def decode_beat(message: Message) -> Heartbeat:
    """Return the heartbeat that ``message`` carries.

    Raises:
        MalformedEventError: If it is not ``{"epoch", "head", "relay"}``.

    """
    try:
        beat = _BEAT.decode(message.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedEventError(f"{message.subject}: {error}") from None
    return Heartbeat(_epoch(beat.epoch), _revision(str(beat.head)), beat.relay)
