"""A ledger in memory, with etcd's revisions, history, leases and bad moods."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from typing import TYPE_CHECKING

from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import (
    CompactedError,
    ConflictError,
    Entry,
    HistoryReplacedError,
    LedgerRefusedError,
    LedgerUnavailableError,
    Listing,
    Mutation,
    Step,
    TooManyWritesError,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from meltemi.store.ports import Page

MOST_WRITES = 128


class MemoryLease:
    """A lease of a `MemoryLedger`: `MemoryLedger.expire` ends it early."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.lost = asyncio.Event()


class MemoryLedger:
    """A `LedgerWriter`. ``available = False`` makes it answer as etcd when away."""

    def __init__(self) -> None:
        self.available = True
        self.epoch = Epoch("cafe")
        self.head = Revision(1)
        self._entries: dict[str, Entry] = {}
        self._history: list[Step] = []
        self._undo: list[tuple[Revision, dict[str, Entry | None]]] = []
        self._oldest = 1
        self._leases: dict[int, MemoryLease] = {}
        self._ties: dict[str, int] = {}
        self._ids = count(1)
        self._changed = asyncio.Event()

    async def get(self, key: str) -> Entry | None:
        """Return the entry at ``key``."""
        self._answer()
        return self._entries.get(key)

    async def list(
        self, prefix: str, *, keys_only: bool = False, page: Page | None = None
    ) -> Listing:
        """Return everything under ``prefix``, in key order, or a page of it."""
        self._answer()
        revision = self.head if page is None else page.revision or self.head
        after = "" if page is None else page.after
        found = tuple(
            Entry(each.key, b"", each.revision, each.created) if keys_only else each
            for key, each in sorted(self._entries_at(revision).items())
            if key.startswith(prefix) and key > after
        )
        taken = found if page is None else found[: page.limit]
        return Listing(self.epoch, revision, taken, len(found) - len(taken))

    def _entries_at(self, revision: Revision) -> dict[str, Entry]:
        """Undo what was done after ``revision``."""
        if revision > self.head:
            raise LedgerRefusedError(f"revision {revision} is a future revision")
        if revision < self._oldest and revision != self.head:
            raise CompactedError(Revision(self._oldest))
        entries = dict(self._entries)
        for done, before in reversed(self._undo):
            if done <= revision:
                break
            for key, entry in before.items():
                if entry is None:
                    entries.pop(key, None)
                else:
                    entries[key] = entry
        return entries

    async def watch(self, prefix: str, start: Revision) -> AsyncGenerator[Step]:
        """Yield every revision from ``start`` on that touched ``prefix``."""
        epoch, position = self.epoch, max(start, 1)
        greeted = False
        while True:
            changed = self._changed
            if self.available:
                if epoch != self.epoch:
                    raise HistoryReplacedError(self.head)
                if position < self._oldest:
                    raise CompactedError(Revision(self._oldest))
                if not greeted:
                    greeted = True
                    yield Step(epoch, Revision(position - 1), ())
                for step in self._steps(prefix, position):
                    position = step.revision + 1
                    yield step
            await changed.wait()

    async def commit(self, writes: Sequence[Write]) -> Revision:
        """Apply all of ``writes`` or none; return the revision they share."""
        self._answer()
        if len(writes) > MOST_WRITES:
            raise TooManyWritesError(f"{len(writes)} writes, at most {MOST_WRITES}")
        if len({write.key for write in writes}) < len(writes):
            raise LedgerRefusedError("duplicate key given in txn request")
        for write in writes:
            here = self._entries.get(write.key)
            found = here.revision if here else Revision(0)
            if write.expected not in (None, found):
                raise ConflictError(
                    write.key, expected=Revision(write.expected or 0), found=found
                )
            if write.lease and write.lease not in self._leases:
                raise LedgerRefusedError("requested lease not found")
        return self._apply(writes)

    @contextlib.asynccontextmanager
    async def lease(self, ttl: int) -> AsyncGenerator[MemoryLease]:
        """Hold a lease until the context ends; time does not end it."""
        self._answer()
        if ttl <= 0:
            raise LedgerRefusedError(f"a lease of {ttl} s: expected 1 or more")
        lease = MemoryLease(next(self._ids))
        self._leases[lease.id] = lease
        try:
            yield lease
        finally:
            self._end(lease)

    def expire(self, lease: int) -> None:
        """End a lease whose holder did not manage to renew it."""
        held = self._leases[lease]
        self._end(held)
        held.lost.set()

    async def compact(self, revision: Revision) -> None:
        """Forget the history before ``revision``."""
        self._oldest = revision
        self._history = [step for step in self._history if step.revision >= revision]

    def recover(self) -> None:
        """Be available again; watches go on where they were."""
        self.available = True
        self._wake()

    def replace(self, epoch: str) -> None:
        """Become another ledger with the same entries, as after a restored backup."""
        self.epoch, self._history = Epoch(epoch), []
        self._wake()

    def _answer(self) -> None:
        if not self.available:
            raise LedgerUnavailableError("the ledger is away")

    def _apply(self, writes: Sequence[Write]) -> Revision:
        revision = Revision(self.head + 1)
        mutations: list[Mutation] = []
        before = {write.key: self._entries.get(write.key) for write in writes}
        for write in writes:
            here = self._entries.get(write.key)
            if write.value is None and here is None:
                continue
            self._ties.pop(write.key, None)
            previous = here.value if here else None
            mutations.append(Mutation(write.key, write.value, previous))
            if write.value is None:
                del self._entries[write.key]
                continue
            created = here.created if here else revision
            self._entries[write.key] = Entry(write.key, write.value, revision, created)
            if write.lease:
                self._ties[write.key] = write.lease
        if mutations:
            self.head = revision
            self._undo.append((revision, before))
            self._history.append(Step(self.epoch, revision, tuple(mutations)))
            self._wake()
        return self.head

    def _steps(self, prefix: str, start: int) -> tuple[Step, ...]:
        """Return the history from ``start``; an empty step stands for what is last."""
        steps = [
            Step(
                step.epoch,
                step.revision,
                tuple(each for each in step.mutations if each.key.startswith(prefix)),
            )
            for step in self._history
            if step.revision >= start
        ]
        return tuple(step for step in steps if step.mutations or step is steps[-1])

    def _end(self, lease: MemoryLease) -> None:
        if self._leases.pop(lease.id, None) is None:
            return
        tied = [key for key, number in self._ties.items() if number == lease.id]
        self._apply([Write(key, None) for key in tied])

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
