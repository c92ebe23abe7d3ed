"""The configuration as it was last seen: what readers get while the ledger is away.

The relay follows the ledger anyway; what it sees is kept here. A write never looks at
it, only reads do, and they say so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from meltemi.kernel.names import Revision
from meltemi.store.ports import Entry, Listing

if TYPE_CHECKING:
    from meltemi.kernel.names import Epoch
    from meltemi.store.ports import Step


class Follower(Protocol):
    """Somebody who makes something of what the mirror sees."""

    def replace(self, listing: Listing) -> None:
        """Take that there is ``listing``, and nothing else."""
        ...

    def step(self, step: Step) -> None:
        """Take what one revision changed."""
        ...


class Mirror:
    """All entries under one prefix, as of one revision."""

    def __init__(self) -> None:
        self.followers: list[Follower] = []
        """Told of everything, in order."""
        self._epoch: Epoch | None = None
        self._revision = Revision(0)
        self._entries: dict[str, Entry] = {}

    @property
    def revision(self) -> Revision | None:
        """The newest revision seen; None before anything was."""
        return None if self._epoch is None else self._revision

    def replace(self, listing: Listing) -> None:
        """Hold what ``listing`` holds, and nothing else."""
        self._epoch, self._revision = listing.epoch, listing.revision
        self._entries = {entry.key: entry for entry in listing.entries}
        for each in self.followers:
            each.replace(listing)

    def step(self, step: Step) -> None:
        """Take what one revision changed."""
        self._revision = step.revision
        for each in step.mutations:
            known = self._entries.get(each.key)
            if each.value is None:
                self._entries.pop(each.key, None)
            elif known is None:
                made = Entry(each.key, each.value, step.revision, step.revision)
                self._entries[each.key] = made
            else:
                newer = replace(known, value=each.value, revision=step.revision)
                self._entries[each.key] = newer
        for follower in self.followers:
            follower.step(step)

    def get(self, key: str) -> Entry | None:
        """Return the entry at ``key``."""
        return self._entries.get(key)

    def list(self, prefix: str) -> Listing | None:
        """Return what lies under ``prefix``; None before anything was seen."""
        if self._epoch is None:
            return None
        found = (
            entry
            for key, entry in sorted(self._entries.items())
            if key.startswith(prefix)
        )
        return Listing(self._epoch, self._revision, tuple(found))
