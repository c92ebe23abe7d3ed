"""Join tokens in the ledger: kept once, used once."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.tokens import Token, TokenRecord, token_key, tokens_prefix
from meltemi.kernel.names import Revision
from meltemi.store.ports import ConflictError, LedgerUnavailableError, Write

if TYPE_CHECKING:
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter

SWEEP_SECONDS = 10.0
"""How often expired tokens go, which also tells whether the ledger is there."""


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token as the ledger holds it, at one revision."""

    key: str
    revision: Revision
    record: TokenRecord


class TokenBook:
    """The tokens of one mesh.

    Attributes:
        trouble: Why the ledger could not be asked the last time, or None.

    """

    def __init__(self, ledger: LedgerWriter, mesh: str) -> None:
        self._ledger = ledger
        self._mesh = mesh
        self.trouble: str | None = "the ledger was not asked yet"

    async def keep(self, token: Token) -> None:
        """Store ``token``'s hash and record; raise `LedgerUnavailableError`."""
        key = token_key(self._mesh, token.secret)
        absent = Revision(0)
        await self._ledger.commit([Write(key, token.record.encode(), expected=absent)])

    async def find(self, secret: str) -> KeptToken:
        """Return the token that ``secret`` opens.

        Raises:
            UnauthenticatedError: If there is none: never made, used, or swept.
            LedgerUnavailableError: If the ledger does not answer.

        """
        entry = await self._ledger.get(token_key(self._mesh, secret))
        if entry is None:
            raise UnauthenticatedError("join token is unknown or was used before")
        return KeptToken(entry.key, entry.revision, TokenRecord.decode(entry.value))

    async def burn(self, token: KeptToken) -> None:
        """Use ``token`` up. Of several that try, one succeeds.

        Raises:
            UnauthenticatedError: If somebody was faster.
            LedgerUnavailableError: If it is unknown whether it is burned.

        """
        try:
            await self._ledger.commit([Write(token.key, None, expected=token.revision)])
        except ConflictError as error:
            raise UnauthenticatedError(
                f"join token for {token.record.identity} was used by another caller"
            ) from error

    async def sweep(self, clock: Clock) -> None:
        """Remove expired tokens, now and every ten seconds until cancelled."""
        while True:
            try:
                await self._remove_expired(clock)
                self.trouble = None
            except LedgerUnavailableError as error:
                self.trouble = str(error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _remove_expired(self, clock: Clock) -> None:
        listing = await self._ledger.list(tokens_prefix(self._mesh))
        now = clock.now()
        for entry in listing.entries:
            with contextlib.suppress(UnauthenticatedError, ConflictError):
                if TokenRecord.decode(entry.value).expires <= now:
                    await self._ledger.commit(
                        [Write(entry.key, None, expected=entry.revision)]
                    )
