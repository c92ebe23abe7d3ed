"""Whether a write may happen, and what exactly is written. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from meltemi.config.canonical import content, specification
from meltemi.config.resource import ManagedField
from meltemi.galley.refusals import (
    AlreadyExistsError,
    PreconditionFailedError,
    StaleWriteError,
)

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.names import Key, Revision


@dataclass(frozen=True, slots=True)
class Held:
    """An object as the ledger holds it."""

    resource: Resource[Message]
    """Only its identity, where the ledger holds something unreadable."""
    revision: Revision
    value: bytes = b""
    """What exactly is stored."""
    readable: bool = True

    @property
    def etag(self) -> str:
        """Its entity tag (RFC 9110 §8.8.3): the revision, quoted."""
        return f'"{self.revision}"'


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must be so for the caller to want its write."""

    resource_version: str = ""
    """The revision the body was made from; empty: whatever is there."""
    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, key: Key, current: Held | None) -> None:
        """Compare with what is there.

        Raises:
            PreconditionFailedError: If a header does not hold (412).
            StaleWriteError: If the body's revision does not (409).

        """
        if self.if_match is not None and not matches(self.if_match, current):
            raise PreconditionFailedError(f"{key}: If-Match {self.if_match} fails")
        if self.if_none_match is not None and matches(self.if_none_match, current):
            raise PreconditionFailedError(
                f"{key}: If-None-Match {self.if_none_match} fails"
            )
        found = "" if current is None else str(current.revision)
        if self.resource_version and self.resource_version != found:
            raise StaleWriteError(key, expected=self.resource_version, found=found)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the server adds to a write: who, when, and a name nobody else has."""

    manager: str
    time: str
    uid: str
    reason: str = ""
    """Why the caller does it, in its own words."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The object to write over ``current``."""

    resource: Resource[Message]
    created: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """The object to remove."""

    held: Held


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The ledger holds this content already: nothing is written, nobody is rung."""

    held: Held


Admission: TypeAlias = Admitted | Removed | Unchanged


def admit_creation(
    asked: Resource[Message], current: Held | None, stamp: Stamp
) -> Admitted:
    """Return what to write for an object that must be new.

    Raises:
        AlreadyExistsError: If it is there.

    """
    if current is not None:
        raise AlreadyExistsError(asked.key)
    return Admitted(_stamped(asked, None, stamp), created=True)


def admit_replacement(
    asked: Resource[Message],
    current: Held | None,
    preconditions: Preconditions,
    stamp: Stamp,
) -> Admitted | Unchanged:
    """Return what to write for an object that may be there.

    What is there but cannot be read is written over: that is how it is mended.

    Equal content is no write at all, so that a client that got no answer can simply
    repeat its request (reliability F-02).

    Raises:
        PreconditionFailedError, StaleWriteError: See `Preconditions.check`.

    """
    preconditions.check(asked.key, current)
    if current is None:
        return Admitted(_stamped(asked, None, stamp), created=True)
    if not current.readable:
        return Admitted(_stamped(asked, None, stamp), created=False)
    if content(current.resource) == content(asked):
        return Unchanged(current)
    return Admitted(_stamped(asked, current.resource, stamp), created=False)


def _stamped(
    asked: Resource[Message], current: Resource[Message] | None, stamp: Stamp
) -> Resource[Message]:
    """Return ``asked`` with the server's metadata instead of what the user wrote."""
    operation = "Create" if current is None else "Update"
    before = asked.metadata if current is None else current.metadata
    metadata = msgspec.structs.replace(
        asked.metadata,
        uid=stamp.uid if current is None else before.uid,
        resource_version="",
        generation=_generation(asked, current),
        creation_timestamp=stamp.time if current is None else before.creation_timestamp,
        managed_fields=(
            ManagedField(
                manager=stamp.manager,
                operation=operation,
                time=stamp.time,
                reason=stamp.reason or msgspec.UNSET,
            ),
        ),
    )
    return msgspec.structs.replace(asked, metadata=metadata)


def _generation(asked: Resource[Message], current: Resource[Message] | None) -> int:
    if current is None:
        return 1
    changed = specification(asked) != specification(current)
    return current.metadata.generation + int(changed)


def matches(tags: str, current: Held | None) -> bool:
    """Tell whether an entity tag among ``tags`` is that of ``current``."""
    if current is None:
        return False
    listed = [tag.strip().removeprefix("W/") for tag in tags.split(",")]
    return "*" in listed or current.etag in listed
