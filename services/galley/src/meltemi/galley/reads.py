"""Reading objects: from the ledger, or from the mirror while the ledger is away."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from meltemi.config.canonical import UnreadableObjectError, from_stored
from meltemi.config.kinds import KIND_BY_NAME
from meltemi.config.ledger_keys import collection_prefix, ledger_key
from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.message import Message
from meltemi.galley.admit import Held
from meltemi.galley.history import history_prefix, versions
from meltemi.galley.paging import MOST, Continuation, Paging
from meltemi.galley.refusals import ExpiredError
from meltemi.kernel.names import Revision
from meltemi.store.ports import CompactedError, LedgerUnavailableError, Page

if TYPE_CHECKING:
    from meltemi.galley.history import Version
    from meltemi.galley.mirror import Mirror
    from meltemi.galley.selector import Selection
    from meltemi.kernel.clock import Clock
    from meltemi.kernel.names import Key
    from meltemi.store.ports import Entry, LedgerReader, Listing

log = structlog.get_logger("meltemi.galley")

AWAY_SECONDS = 1.0
"""After a ledger did not answer, how long nobody waits for it again."""


@dataclass(frozen=True, slots=True)
class HeldList:
    """Objects of a kind, all as they were at one revision."""

    items: tuple[Held, ...]
    revision: Revision
    stale: bool = False
    """Whether newer ones may exist: the ledger could not be asked."""
    continuation: str = ""
    """What asks for the rest; empty when this is the end."""
    remaining: int | None = None
    """How many objects the rest has, where that is known."""
    epoch: str = ""
    """The ledger the revision is of."""


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
            UnreadableObjectError: If what is there is no object.

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

    async def list(
        self,
        kind: str,
        namespace: str | None,
        selection: Selection,
        paging: Paging = Paging(),  # noqa: B008 - it is frozen
    ) -> HeldList:
        """Return objects of ``kind``, in one namespace or in all.

        Raises:
            LedgerUnavailableError: If the ledger is away and nothing was ever seen.
            ExpiredError: If the list's revision is no longer in the history.

        """
        prefix = collection_prefix(self._mesh, kind, namespace)
        try:
            self._skip_while_away()
            if paging.limit or paging.start:
                return await self._page(prefix, selection, paging)
            whole = await self._ledger.list(prefix)
            return HeldList(_meant(whole, selection), whole.revision, epoch=whole.epoch)
        except CompactedError as error:
            raise ExpiredError(
                "the revision of this list is no longer in the history: start again "
                "without continue"
            ) from error
        except LedgerUnavailableError:
            self._note_away()
            seen = self._mirror.list(prefix)
            if seen is None or paging.start is not None:
                raise
            return HeldList(_meant(seen, selection), seen.revision, stale=True)

    async def history(self, key: Key) -> tuple[Version, ...]:
        """Return the newest versions of an object first; () if there never was one.

        Raises:
            LedgerUnavailableError: If the ledger does not answer.

        """
        listing = await self._ledger.list(history_prefix(self._mesh, key))
        entry = await self._ledger.get(ledger_key(self._mesh, key))
        return versions(listing.entries, None if entry is None else held_at(key, entry))

    async def _page(
        self, prefix: str, selection: Selection, paging: Paging
    ) -> HeldList:
        """Read on until the page is full: the selection may leave out many."""
        found: list[Held] = []
        after = paging.start.after if paging.start else ""
        at, left = paging.revision, 1
        limit = paging.limit or sys.maxsize
        while left and len(found) < limit:
            size = min(limit, MOST)
            listing = await self._ledger.list(prefix, page=Page(size, after, at))
            at, left = listing.revision, listing.remaining + len(listing.entries)
            for entry in listing.entries:
                if len(found) == limit:
                    break
                after, left = entry.key, left - 1
                held = _readable(entry)
                if held is not None and _is_meant(held, selection):
                    found.append(held)
        revision = Revision(at or 0)
        if not left:
            return HeldList(tuple(found), revision)
        return HeldList(
            tuple(found),
            revision,
            continuation=Continuation(revision, after).spell(),
            remaining=left if selection.everything else None,
        )

    def _skip_while_away(self) -> None:
        if self._clock.monotonic() < self._away_until:
            raise LedgerUnavailableError("etcd did not answer a moment ago")

    def _note_away(self) -> None:
        now = self._clock.monotonic()
        if now >= self._away_until:
            self._away_until = now + AWAY_SECONDS


def held_at(key: Key, entry: Entry) -> Held:
    """Return what lies at ``key``, if need be as something unreadable."""
    try:
        return Held(from_stored(entry.value), entry.revision, entry.value)
    except UnreadableObjectError as error:
        log.warning("object.unreadable", key=entry.key, error=str(error))
    shell = Resource(
        api_version=KIND_BY_NAME[key.kind].api_version,
        kind=key.kind,
        metadata=Metadata(name=key.name, namespace=key.namespace),
        spec=Message(),
    )
    return Held(shell, entry.revision, entry.value, readable=False)


def _held(entry: Entry | None) -> Held | None:
    if entry is None:
        return None
    return Held(from_stored(entry.value), entry.revision, entry.value)


def _meant(listing: Listing, selection: Selection) -> tuple[Held, ...]:
    readable = map(_readable, listing.entries)
    return tuple(each for each in readable if each and _is_meant(each, selection))


def _readable(entry: Entry) -> Held | None:
    """Return None for what cannot be read: it does not take the others away."""
    try:
        return Held(from_stored(entry.value), entry.revision, entry.value)
    except UnreadableObjectError as error:
        log.warning("object.unreadable", key=entry.key, error=str(error))
        return None


def _is_meant(held: Held, selection: Selection) -> bool:
    return selection.selects(held.resource)
