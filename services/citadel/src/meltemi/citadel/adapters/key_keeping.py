"""Keys of tokens in the ledger, sealed: every replica signs with the same ones."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from meltemi.citadel.key_ring import (
    Drawer,
    Pace,
    Ring,
    StoredRing,
    is_due,
    kept,
    without,
)
from meltemi.citadel.signer import SignerUnavailableError
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.keys import new_key
from meltemi.kernel.errors import MeshError
from meltemi.kernel.names import Revision
from meltemi.store.ports import ConflictError, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.citadel.adapters.state import Store
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter

POLL_SECONDS = 1.0
AGAIN_SECONDS = 0.1
ABSENT = Revision(0)

log = structlog.get_logger()


class KeyKeeping:
    """The keys of one kind of token.

    Attributes:
        pace: How fast they follow each other.
        trouble: Why they are not known, or their newest state is not; else None.

    """

    def __init__(
        self, ledger: LedgerWriter, place: str, store: Store, pace: Pace, clock: Clock
    ) -> None:
        """Keep them at ``place`` in the ledger, which the seal is bound to as well."""
        self._ledger, self._place, self._store = ledger, place, store
        self.pace, self._clock = pace, clock
        self._drawer: Drawer | None = None
        self._ring: Ring | None = None
        self._revision = ABSENT
        self.trouble: str | None = "the signing keys were not read yet"

    @property
    def ring(self) -> Ring:
        """The keys, as this replica knows them.

        Raises:
            SignerUnavailableError: If it knows none yet.

        """
        if self._ring is None or not self._ring.opened:
            raise SignerUnavailableError(f"no signing keys: {self.trouble}")
        return self._ring

    @property
    def signing(self) -> TokenKey:
        """The key that signs now; raise `SignerUnavailableError`."""
        return self.ring.signing(self.pace, self._clock.now())

    async def tend(self, ready: Callable[[], bool]) -> None:
        """Follow the ledger, and make the next key when it is time, until cancelled.

        Nothing is made before ``ready``: a replica with another key encryption key
        than the authority's must not seal anything.
        """
        while True:
            if ready():
                try:
                    await self.refresh()
                    self.trouble = None
                except ConflictError:
                    continue  # another replica was faster: read what it wrote
                except MeshError as error:
                    self.trouble = f"{error.code}: {error}"
            await asyncio.sleep(POLL_SECONDS if self.trouble is None else AGAIN_SECONDS)

    async def refresh(self) -> None:
        """Take what the ledger has, and add or drop a key if it is time.

        Raises:
            ConflictError: If another replica writes at the same time.
            MeshError: If the ledger does not answer, or the keys do not open.

        """
        stored, revision = await self._read()
        now = self._clock.now()
        keys = kept(stored.keys, self.pace, now)
        if is_due(keys, self.pace, now):
            made = self._opener(needed=bool(revision)).seal(TokenKey(new_key()), now)
            keys = (*keys, made)
        if keys != stored.keys:
            await self._commit(StoredRing(now, keys), revision)
        else:
            self._take(stored, revision)

    async def withdraw(self, number: str) -> None:
        """Make everything that the key ``number`` signed worthless.

        Raises:
            NoSuchKeyError: If there is none.
            MeshError: If it is unknown whether it was done: try again.

        """
        stored, revision = await self._read()
        await self._commit(without(stored, number, self._clock.now()), revision)
        with contextlib.suppress(ConflictError):  # somebody made the next one already
            await self.refresh()

    async def _read(self) -> tuple[StoredRing, Revision]:
        entry = await self._ledger.get(self._place)
        if entry is None:
            return StoredRing(self._clock.now(), ()), ABSENT
        return StoredRing.decode(entry.value), entry.revision

    async def _commit(self, stored: StoredRing, expected: Revision) -> None:
        write = Write(self._place, stored.encode(), expected=expected)
        self._take(stored, await self._ledger.commit([write]))
        log.info("keys.changed", place=self._place, keys=[k.id for k in stored.keys])

    def _take(self, stored: StoredRing, revision: Revision) -> None:
        if self._ring is None or revision != self._revision:
            self._ring = Ring.of(stored, self._opener(needed=True))
            self._revision = revision

    def _opener(self, *, needed: bool) -> Drawer:
        """Return what opens the keys; a lost key encryption key is not replaced."""
        if self._drawer is None:
            self._drawer = Drawer(self._store.kek(needed=needed), self._place)
        return self._drawer


def token_keys_place(mesh: str) -> str:
    """Return where the keys of workload tokens lie in the ledger."""
    return f"/mesh/citadel/v1/{mesh}/keys/workload-token"


def svid_keys_place(mesh: str) -> str:
    """Return where the keys of JWT-SVIDs lie in the ledger."""
    return f"/mesh/citadel/v1/{mesh}/keys/jwt-svid"
