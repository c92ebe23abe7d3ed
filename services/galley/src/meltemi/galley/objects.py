"""Objects in the ledger: writes that happen whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.config.canonical import from_stored, stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.galley.admit import (
    Admitted,
    Held,
    Preconditions,
    Unchanged,
    admit_creation,
    admit_replacement,
)
from meltemi.galley.permission import check_permission
from meltemi.galley.refusals import NotFoundError
from meltemi.kernel.names import Revision
from meltemi.store.ports import ConflictError, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.admit import Admission, Stamp
    from meltemi.galley.permission import Caller
    from meltemi.kernel.names import Key
    from meltemi.store.ports import LedgerWriter

NOT_THERE = Revision(0)
ATTEMPTS = 16
"""Times a write is admitted anew after another writer was faster."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a write."""

    held: Held
    created: bool
    written: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A write somebody asks for."""

    caller: Caller
    stamp: Stamp
    preconditions: Preconditions
    dry_run: bool


class Objects:
    """The configuration objects of one mesh."""

    def __init__(self, ledger: LedgerWriter, mesh: str) -> None:
        self._ledger, self._mesh = ledger, mesh

    async def get(self, key: Key) -> Held | None:
        """Return the object, as a majority of the ledger knows it."""
        entry = await self._ledger.get(ledger_key(self._mesh, key))
        return None if entry is None else Held(from_stored(entry.value), entry.revision)

    async def create(self, resource: Resource[Message], asked: Asked) -> Outcome:
        """Write an object that is not there yet.

        Raises:
            AlreadyExistsError, PreconditionFailedError, ForbiddenError: Nothing was
                written.

        """

        def admit(current: Held | None) -> Admission:
            asked.preconditions.check(resource.key, current)
            return admit_creation(resource, current, asked.stamp)

        return await self._write(resource, asked, admit)

    async def replace(self, resource: Resource[Message], asked: Asked) -> Outcome:
        """Write an object, over the one that is there if there is one.

        Raises:
            StaleWriteError, PreconditionFailedError, ForbiddenError: Nothing was
                written.

        """

        def admit(current: Held | None) -> Admission:
            return admit_replacement(
                resource, current, asked.preconditions, asked.stamp
            )

        return await self._write(resource, asked, admit)

    async def delete(self, key: Key, asked: Asked) -> Outcome:
        """Remove an object; the outcome holds it, at the revision of its removal.

        Raises:
            NotFoundError, PreconditionFailedError, ForbiddenError: Nothing was
                removed.

        """
        for attempt in range(1, ATTEMPTS + 1):
            current = await self.get(key)
            check_permission(asked.caller, key, None, _resource(current))
            asked.preconditions.check(key, current)
            if current is None:
                raise NotFoundError(key)
            if asked.dry_run:
                return Outcome(current, created=False, written=False)
            write = Write(ledger_key(self._mesh, key), None, current.revision)
            try:
                revision = await self._ledger.commit([write])
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
            else:
                held = Held(current.resource, revision)
                return Outcome(held, created=False, written=True)
        raise AssertionError("the last attempt returns or raises")

    async def _write(
        self,
        resource: Resource[Message],
        asked: Asked,
        admit: Callable[[Held | None], Admission],
    ) -> Outcome:
        """Admit and commit, again while others are faster: last writer wins."""
        key = resource.key
        for attempt in range(1, ATTEMPTS + 1):
            current = await self.get(key)
            check_permission(asked.caller, key, resource, _resource(current))
            admission = admit(current)
            if isinstance(admission, Unchanged):
                return Outcome(admission.held, created=False, written=False)
            try:
                return await self._commit(key, current, admission, asked)
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _commit(
        self, key: Key, current: Held | None, admitted: Admitted, asked: Asked
    ) -> Outcome:
        expected = current.revision if current else NOT_THERE
        if asked.dry_run:
            held = Held(admitted.resource, expected)
            return Outcome(held, created=admitted.created, written=False)
        value = stored(admitted.resource)
        write = Write(ledger_key(self._mesh, key), value, expected)
        revision = await self._ledger.commit([write])
        held = Held(admitted.resource, revision)
        return Outcome(held, created=admitted.created, written=True)


def _resource(held: Held | None) -> Resource[Message] | None:
    return None if held is None else held.resource
