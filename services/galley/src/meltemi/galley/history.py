"""What an object was before: each version is kept under its own revision. Pure.

A version is kept in the transaction that ends it, so history and present cannot
disagree. The current version is the object itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.ledger_keys import config_prefix, ledger_key
from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meltemi.config.resource import ManagedField, Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.admit import Held, Stamp
    from meltemi.kernel.names import Key
    from meltemi.store.ports import Entry

KEPT: Final = 20
"""Versions of one object that are kept, the current one not counted."""
DELETE: Final = "Delete"


class Removal(msgspec.Struct, frozen=True):
    """Who removed an object, when and why."""

    manager: str
    time: str
    reason: str = ""


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version, as it lies in the ledger."""

    object: msgspec.Raw = msgspec.Raw(b"")
    """Empty where what was stored there was none."""
    unreadable: str = ""
    """What was stored there instead of an object."""
    removed: Removal | None = None
    """Set where this version was not replaced but removed."""


class Version(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One version of an object, or its removal."""

    revision: str
    previous: str
    """The revision before it; empty for the first one known."""
    operation: str
    actor: str
    time: str
    reason: str
    object: msgspec.Raw | None
    """The object as it was; None for a removal, or where it was unreadable."""


_RECORDS: Final = msgspec.json.Decoder(_Record)


def histories_prefix(mesh: str) -> str:
    """Return where the former versions of all objects of ``mesh`` lie."""
    return f"/mesh/history/v1/{mesh}/"


def history_prefix(mesh: str, key: Key) -> str:
    """Return where the former versions of ``key`` lie, and nothing else."""
    place = ledger_key(mesh, key).removeprefix(config_prefix(mesh))
    return f"{histories_prefix(mesh)}{place}/"


def history_key(mesh: str, key: Key, revision: Revision) -> str:
    """Return where the version of ``revision`` lies: keys sort as revisions do."""
    return f"{history_prefix(mesh, key)}{revision:020d}"


def record(held: Held, removal: Stamp | None) -> bytes:
    """Return what to keep of ``held``, which is replaced, or removed by ``removal``."""
    removed = None
    if removal is not None:
        removed = Removal(removal.manager, removal.time, removal.reason)
    if held.readable:
        kept = _Record(object=msgspec.Raw(held.value), removed=removed)
    else:
        words = held.value[:1000].decode(errors="replace")
        kept = _Record(unreadable=words, removed=removed)
    return msgspec.json.encode(kept)


def versions(entries: Sequence[Entry], current: Held | None) -> tuple[Version, ...]:
    """Return the newest versions first, from what lies in the ledger."""
    told: list[Version] = []
    previous = ""
    for entry in sorted(entries, key=lambda each: each.key)[-KEPT:]:
        for version in _told(entry, previous):
            told.append(version)
            previous = version.revision
    if current is not None:
        now = _version(current.revision, previous, msgspec.Raw(current.value))
        told.append(now)
    return tuple(reversed(told))


def restored(kept: Iterable[Version], revision: str) -> Resource[Message] | None:
    """Return the object as it was at ``revision``, if its history holds that."""
    for version in kept:
        if version.revision == revision and version.object is not None:
            return from_stored(bytes(version.object))
    return None


def superfluous(keys: Sequence[str]) -> Sequence[str]:
    """Return the keys of one object's history that are older than what is kept."""
    return sorted(keys)[:-KEPT]


def removed_at(value: bytes) -> str | None:
    """Return when the object was removed of which ``value`` is the last version."""
    try:
        removed = _RECORDS.decode(value).removed
    except msgspec.MsgspecError:
        return None
    return None if removed is None else removed.time


def _told(entry: Entry, previous: str) -> Iterator[Version]:
    kept = _RECORDS.decode(entry.value)
    revision = Revision(int(entry.key.rpartition("/")[2]))
    value = kept.object if bytes(kept.object) else None
    yield _version(revision, previous, value)
    if kept.removed is not None:
        yield Version(
            revision=str(entry.revision),
            previous=str(revision),
            operation=DELETE,
            actor=kept.removed.manager,
            time=kept.removed.time,
            reason=kept.removed.reason,
            object=None,
        )


def _version(revision: Revision, previous: str, value: msgspec.Raw | None) -> Version:
    managed: tuple[ManagedField, ...] = ()
    if value is not None:
        try:
            managed = from_stored(bytes(value)).metadata.managed_fields
        except UnreadableObjectError:
            value = None
    last = managed[-1] if managed else None
    reason = msgspec.UNSET if last is None else last.reason
    return Version(
        revision=str(revision),
        previous=previous,
        operation=last.operation if last else "",
        actor=last.manager if last else "",
        time=last.time if last else "",
        reason=reason if isinstance(reason, str) else "",
        object=value,
    )
