"""From what the ledger did to what the doorbell rings: one chain, in etcd's order.

::

    listing, steps ──▶ Chain ──▶ Change(previous, revision) …
                         └─ head: the newest change of configuration seen
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from meltemi.events.change import Change, Operation
from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.kernel.names import Epoch
    from meltemi.store.ports import Entry, Listing, Step


class Chain:
    """Links every change to the one before it, so that a missing one shows."""

    def __init__(self) -> None:
        self.epoch: Epoch | None = None
        self.head = Revision(0)
        self._known: dict[str, Revision] = {}

    def begin(self, listing: Listing) -> Revision:
        """Start from ``listing``; return the revision to watch from.

        The newest entry tells the last change, unless a removal came after it: the
        watch starts behind that entry and meets the removal. With no entry to tell
        anything, the listing itself counts as a change: whoever is older re-reads.
        """
        self._remember(listing)
        newest = max((entry.revision for entry in listing.entries), default=None)
        self.head = listing.revision if newest is None else newest
        return Revision(self.head + 1)

    def resume(self, listing: Listing, rung: Revision) -> Revision:
        """Start behind ``rung``, up to which all was told before.

        Return the revision to watch from. If its history is lost, `catch_up` tells
        what of ``listing`` is newer; what was removed meanwhile only the chain shows.
        """
        self.epoch, self.head = listing.epoch, rung
        self._known = {e.key: e.revision for e in listing.entries if e.revision <= rung}
        return Revision(rung + 1)

    def step(self, step: Step) -> tuple[Change, ...]:
        """Return the changes of one revision."""
        if not step.mutations:
            return ()
        for each in step.mutations:
            if each.value is None:
                self._known.pop(each.key, None)
            else:
                self._known[each.key] = step.revision
        told = [
            (each.key, each.value, _operation(each.value, each.previous))
            for each in step.mutations
        ]
        return self._link(step.revision, told)

    def catch_up(self, listing: Listing) -> tuple[Change, ...]:
        """Return what differs after history was lost: nothing is told twice.

        Removals have no revision of their own any more; they get the listing's.
        """
        known = self._known if self.epoch == listing.epoch else {}
        new = [e for e in listing.entries if known.get(e.key) != e.revision]
        gone = self._known.keys() - {entry.key for entry in listing.entries}
        changes: list[Change] = []
        if self.epoch != listing.epoch:
            self.epoch, self.head = listing.epoch, Revision(0)
        for revision, entries in groupby(sorted(new, key=_revision), key=_revision):
            told = [(e.key, e.value, _written(e, known)) for e in entries]
            changes += self._link(revision, told)
        removed = [(key, None, Operation.DELETED) for key in sorted(gone)]
        changes += self._link(listing.revision, removed)
        self._remember(listing)
        self.head = listing.revision
        return tuple(changes)

    def _remember(self, listing: Listing) -> None:
        self.epoch = listing.epoch
        self._known = {entry.key: entry.revision for entry in listing.entries}

    def _link(
        self,
        revision: Revision,
        told: Sequence[tuple[str, bytes | None, Operation]],
    ) -> tuple[Change, ...]:
        if not told or self.epoch is None:
            return ()
        previous = min(self.head, Revision(revision - 1))
        self.head = revision
        return tuple(
            Change(
                epoch=self.epoch,
                previous=previous,
                revision=revision,
                operation=operation,
                ledger_key=key,
                value=value,
                part=part,
                parts=len(told),
            )
            for part, (key, value, operation) in enumerate(told, 1)
        )


def _operation(value: bytes | None, previous: bytes | None) -> Operation:
    if value is None:
        return Operation.DELETED
    return Operation.CREATED if previous is None else Operation.UPDATED


def _written(entry: Entry, known: dict[str, Revision]) -> Operation:
    old = entry.key in known or entry.created < entry.revision
    return Operation.UPDATED if old else Operation.CREATED


def _revision(entry: Entry) -> Revision:
    return entry.revision
