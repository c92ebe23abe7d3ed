"""What somebody wants done to one object, and what that means now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meltemi.galley.admit import Removed, admit_creation, admit_replacement
from meltemi.galley.permission import check_permission
from meltemi.galley.refusals import MismatchError, NotFoundError
from meltemi.galley.reserved import check_reserved, claimed_as

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.admit import (
        Admission,
        Admitted,
        Held,
        Preconditions,
        Stamp,
        Unchanged,
    )
    from meltemi.galley.permission import Caller
    from meltemi.kernel.names import Key


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, on which conditions, and what to sign it with."""

    caller: Caller
    stamp: Stamp
    preconditions: Preconditions
    trace: str = ""
    """The caller's ``traceparent``; empty: it has none."""


class Intent(Protocol):
    """A wish that is held against what is there, once or again."""

    @property
    def key(self) -> Key:
        """The object it is about."""
        ...

    def decide(self, current: Held | None, asked: Asked) -> Admission:
        """Return what to do, or raise a refusal: then nothing is done."""
        ...


@dataclass(frozen=True, slots=True)
class Creation:
    """Write an object that is not there yet."""

    resource: Resource[Message]

    @property
    def key(self) -> Key:
        """The object it is about."""
        return self.resource.key

    def decide(self, current: Held | None, asked: Asked) -> Admitted:
        """Raise `AlreadyExistsError`, `ForbiddenError`, `PreconditionFailedError`."""
        check_permission(
            asked.caller, "create", self.key, self.resource, _held(current)
        )
        asked.preconditions.check(self.key, current)
        check_reserved(asked.caller, self.resource, None)
        return admit_creation(self.resource, current, asked.stamp)


@dataclass(frozen=True, slots=True)
class Replacement:
    """Write an object, over the one that is there if there is one."""

    resource: Resource[Message]

    @property
    def key(self) -> Key:
        """The object it is about."""
        return self.resource.key

    def decide(self, current: Held | None, asked: Asked) -> Admitted | Unchanged:
        """Raise `ForbiddenError`, `PreconditionFailedError`, `StaleWriteError`."""
        verb = "create" if current is None else "update"
        check_permission(asked.caller, verb, self.key, self.resource, _held(current))
        check_reserved(asked.caller, self.resource, _held(current))
        return admit_replacement(
            self.resource, current, asked.preconditions, asked.stamp
        )


@dataclass(frozen=True, slots=True)
class Restoration:
    """Write an object as it once was; whose it is stays as it is now."""

    former: Resource[Message]

    @property
    def key(self) -> Key:
        """The object it is about."""
        return self.former.key

    def decide(self, current: Held | None, asked: Asked) -> Admitted | Unchanged:
        """Raise what `Replacement` raises."""
        resource = claimed_as(self.former, _held(current))
        return Replacement(resource).decide(current, asked)


@dataclass(frozen=True, slots=True)
class Amendment:
    """Change an object that is there."""

    key: Key
    amend: Callable[[Held], tuple[Resource[Message], Preconditions]]
    """Returns the object as it shall be, and the revision that it names."""

    def decide(self, current: Held | None, asked: Asked) -> Admitted | Unchanged:
        """Raise what `Replacement` raises, `NotFoundError`, or what ``amend`` does."""
        check_permission(asked.caller, "patch", self.key, None, _held(current))
        asked.preconditions.check(self.key, current)
        if current is None:
            raise NotFoundError(self.key)
        resource, named = self.amend(current)
        if resource.key != self.key:
            raise MismatchError(f"a patch cannot make {resource.key} of {self.key}")
        check_permission(asked.caller, "patch", self.key, resource, _held(current))
        check_reserved(asked.caller, resource, _held(current))
        return admit_replacement(resource, current, named, asked.stamp)


@dataclass(frozen=True, slots=True)
class Removal:
    """Remove an object."""

    key: Key

    def decide(self, current: Held | None, asked: Asked) -> Removed:
        """Raise `ForbiddenError`, `NotFoundError` or `PreconditionFailedError`."""
        check_permission(asked.caller, "delete", self.key, None, _held(current))
        asked.preconditions.check(self.key, current)
        if current is None:
            raise NotFoundError(self.key)
        return Removed(current)


def _held(current: Held | None) -> Resource[Message] | None:
    return None if current is None else current.resource
