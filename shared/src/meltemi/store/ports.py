"""What the mesh asks of its ledger. ``etcd.py`` and the testkit's fake keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Sequence
    from contextlib import AbstractAsyncContextManager

    from meltemi.kernel.names import Epoch, Revision


class LedgerUnavailableError(MeshError):
    """The ledger did not answer in time, or has no quorum. Nothing is promised."""

    code = "ledger.unavailable"
    blame = Blame.PEER


class CompactedError(MeshError):
    """History before ``oldest`` is gone: list again, then watch from there."""

    code = "ledger.compacted"
    blame = Blame.PEER

    def __init__(self, oldest: Revision) -> None:
        super().__init__(
            f"the ledger's history starts at revision {oldest}: list again"
        )
        self.oldest = oldest


class HistoryReplacedError(CompactedError):
    """The ledger was restored or replaced: its revisions mean something else now."""

    code = "ledger.replaced"


class LedgerFullError(MeshError):
    """The ledger's quota is used up: it takes no write until space is freed."""

    code = "ledger.full"
    blame = Blame.PEER


class LedgerDeniedError(MeshError):
    """The ledger does not accept our credentials, or not for these keys."""

    code = "ledger.denied"
    blame = Blame.OURS


class LedgerRefusedError(MeshError):
    """The ledger cannot do what it is asked: repeating it changes nothing."""

    code = "ledger.refused"
    blame = Blame.CALLER


class TooManyWritesError(MeshError):
    """One transaction holds more writes than the ledger takes."""

    code = "ledger.too-many-writes"
    blame = Blame.CALLER


class ConflictError(MeshError):
    """An entry is not at the revision the writer expected. Nothing was written."""

    code = "ledger.conflict"
    blame = Blame.CALLER

    def __init__(self, key: str, *, expected: Revision, found: Revision) -> None:
        super().__init__(f"{key} is at revision {found}, not {expected}")
        self.key, self.expected, self.found = key, expected, found


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored value. ``value`` is empty in a listing of keys only."""

    key: str
    value: bytes
    revision: Revision
    """When it was last written."""
    created: Revision
    """When it was first written since its last deletion."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything under a prefix at one revision of one epoch, or one page of it."""

    epoch: Epoch
    revision: Revision
    entries: tuple[Entry, ...]
    remaining: int = 0
    """How many entries follow behind this page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing: at most ``limit`` entries with keys behind ``after``."""

    limit: int
    after: str = ""
    revision: Revision | None = None
    """The revision to read at, so that pages fit together; None: the newest."""


@dataclass(frozen=True, slots=True)
class Write:
    """One step of a transaction: a put, or a deletion where ``value`` is None.

    ``expected`` is the revision the entry must be at: 0 for "must not exist", None
    for "whatever is there". ``lease`` ties a put to a lease's life.
    """

    key: str
    value: bytes | None
    expected: Revision | None = None
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Mutation:
    """One entry that changed: ``value`` is None when it was deleted."""

    key: str
    value: bytes | None
    previous: bytes | None
    """What it held before; None when it is new (or the ledger no longer knows)."""


@dataclass(frozen=True, slots=True)
class Step:
    """All mutations of one revision, or none: then it says "nothing up to here"."""

    epoch: Epoch
    revision: Revision
    mutations: tuple[Mutation, ...]


class Lease(Protocol):
    """A claim that ends when its holder stops renewing it."""

    id: int
    lost: asyncio.Event
    """Set when the lease ran out: entries tied to it are gone."""


class LedgerReader(Protocol):
    """Linearizable reads, and a history that can be followed without loss."""

    async def get(self, key: str) -> Entry | None:
        """Return the entry at ``key``; raise `LedgerUnavailableError` in ≤ 2 s."""
        ...

    async def list(
        self, prefix: str, *, keys_only: bool = False, page: Page | None = None
    ) -> Listing:
        """Return everything under ``prefix`` at one revision, in key order.

        Raises:
            CompactedError: If the page's revision is no longer in the history.
            LedgerRefusedError: If the page's revision is still to come.

        """
        ...

    def watch(self, prefix: str, start: Revision) -> AsyncGenerator[Step]:
        """Yield every revision ≥ ``start`` that touched ``prefix``, in order, once.

        Reconnects by itself, without loss or repetition. Now and then yields an
        empty step: nothing else happened up to that revision.

        Raises:
            CompactedError: If ``start`` is no longer in the history.

        """
        ...


class LedgerWriter(LedgerReader, Protocol):
    """Atomic writes. An acknowledged one is on disk on a majority."""

    async def commit(self, writes: Sequence[Write]) -> Revision:
        """Apply all of ``writes`` or none; return the revision they share.

        Raises:
            ConflictError: If an entry is not at its expected revision.
            LedgerUnavailableError: If the outcome is unknown or nothing was done.

        """
        ...

    def lease(self, ttl: int) -> AbstractAsyncContextManager[Lease]:
        """Hold a lease of ``ttl`` seconds, renewed until the context ends."""
        ...
