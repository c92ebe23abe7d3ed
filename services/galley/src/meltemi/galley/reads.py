"""Reading objects: from the ledger, or from the mirror while the ledger is away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.ledger_keys import collection_prefix, ledger_key
from meltemi.galley.admit import Held
from meltemi.store.ports import LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.galley.mirror import Mirror
    from meltemi.kernel.clock import Clock
    from meltemi.kernel.names import Key, Revision
    from meltemi.store.ports import Entry, LedgerReader, Listing

log = structlog.get_logger("meltemi.galley")

AWAY_SECONDS = 1.0
"""After a ledger did not answer, how long nobody waits for it again."""


@dataclass(frozen=True, slots=True)
class HeldList:
    """Objects of a kind, all as they were at one revision."""

    items: tuple[Held, ...]
    revision: Revision
    stale: bool
    """Whether newer ones may exist: the ledger could not be asked."""


class Reads:
    """Objects of one mesh, as a majority of the ledger knows them if it answers."""

    def __init__(
        self, ledger: LedgerReader, mirror: Mirror, mesh: str, clock: Clock
    ) -> None:
        self._ledger, self._mirror, self._mesh = ledger, mirror, mesh
        self._clock = clock
        self._away_until = 0.0

    async def get(self, key: Key) -> tuple[Held | None, bool]:
        """Return the object if it is there, and whether it may be stale.

        Raises:
            LedgerUnavailableError: If the ledger is away and nothing was ever seen.

        """
        place = ledger_key(self._mesh, key)
        try:
            self._skip_while_away()
            return _held(await self._ledger.get(place)), False
        except LedgerUnavailableError:
            self._note_away()
            if self._mirror.list(place) is None:
                raise
            return _held(self._mirror.get(place)), True

    async def list(self, kind: str, namespace: str | None) -> HeldList:
        """Return all objects of ``kind``, in one namespace or in all.

        Raises:
            LedgerUnavailableError: If the ledger is away and nothing was ever seen.

        """
        prefix = collection_prefix(self._mesh, kind, namespace)
        stale = False
        try:
            self._skip_while_away()
            listing = await self._ledger.list(prefix)
        except LedgerUnavailableError:
            self._note_away()
            seen = self._mirror.list(prefix)
            if seen is None:
                raise
            listing, stale = seen, True
        return HeldList(tuple(_readable(listing)), listing.revision, stale)

    def _skip_while_away(self) -> None:
        if self._clock.monotonic() < self._away_until:
            raise LedgerUnavailableError("etcd did not answer a moment ago")

    def _note_away(self) -> None:
        now = self._clock.monotonic()
        if now >= self._away_until:
            self._away_until = now + AWAY_SECONDS


def _held(entry: Entry | None) -> Held | None:
    return None if entry is None else Held(from_stored(entry.value), entry.revision)


def _readable(listing: Listing) -> Iterator[Held]:
    """Yield what can be read: one bad object does not take the others away."""
    for entry in listing.entries:
        try:
            yield Held(from_stored(entry.value), entry.revision)
        except UnreadableObjectError as error:
            log.warning("object.unreadable", key=entry.key, error=str(error))
