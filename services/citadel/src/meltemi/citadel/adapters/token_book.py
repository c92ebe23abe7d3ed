"""Workload tokens in the ledger: what was made, and what is spent."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.admit import UnauthenticatedError
from meltemi.citadel.tokens import ID, TokenRecord
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Revision
from meltemi.store.ports import ConflictError, LedgerUnavailableError, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter

SWEEP_SECONDS = 10.0
"""How often expired tokens go, which also tells whether the ledger is there."""

KEPT_LONGER = timedelta(minutes=5)
"""A replica whose clock is behind by less still finds that a token is spent."""

USED, REVOKED = "used", "revoked"
ABSENT = Revision(0)


class NoSuchTokenError(MeshError):
    """There is no workload token of an id."""

    code = "citadel.no-such-token"
    blame = Blame.CALLER


class _Expiring(msgspec.Struct, frozen=True):
    expires: datetime


class Spent(msgspec.Struct, frozen=True):
    """Why a token is good no more, and until when that is remembered."""

    why: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token that was made here, and why it is good no more; empty: it is."""

    record: TokenRecord
    spent: str


class TokenBook:
    """The tokens of one mesh.

    Attributes:
        trouble: Why the ledger could not be asked the last time, or None.

    """

    def __init__(self, ledger: LedgerWriter, mesh: str) -> None:
        self._ledger = ledger
        self._made = f"/mesh/citadel/v1/{mesh}/tokens/"
        self._spent = f"/mesh/citadel/v1/{mesh}/spent/"
        self.trouble: str | None = "the ledger was not asked yet"

    async def keep(self, record: TokenRecord) -> None:
        """List a token that was made; raise `LedgerUnavailableError`."""
        value = msgspec.json.encode(record)
        await self._ledger.commit([Write(self._made + record.id, value, ABSENT)])

    async def check(self, record: TokenRecord) -> None:
        """Make sure that a token is not spent.

        Raises:
            UnauthenticatedError: If it was used up or revoked.
            LedgerUnavailableError: If the ledger does not answer.

        """
        entry = await self._ledger.get(self._spent + record.id)
        if entry is not None:
            why = msgspec.json.decode(entry.value, type=Spent).why
            raise UnauthenticatedError(
                f"token {record.id} for {record.identity} was {why} before"
            )

    async def burn(self, record: TokenRecord) -> None:
        """Use up a token that is good for one certificate; of several tries one can.

        Raises:
            UnauthenticatedError: If somebody was faster, or it was revoked meanwhile.
            LedgerUnavailableError: If it is unknown whether it is burned.

        """
        if not record.once:
            await self.check(record)
            return
        try:
            await self._ledger.commit([self._spend(record, USED, ABSENT)])
        except ConflictError as error:
            raise UnauthenticatedError(
                f"token {record.id} for {record.identity} was used by another caller"
            ) from error

    async def revoke(self, number: str) -> TokenRecord:
        """Make a token worthless from now on; return which it was.

        Raises:
            NoSuchTokenError: If none of that id was made, or it expired long ago.
            LedgerUnavailableError: If it is unknown whether it is revoked.

        """
        known = ID.fullmatch(number)
        entry = await self._ledger.get(self._made + number) if known else None
        if entry is None:
            raise NoSuchTokenError(f"there is no workload token {number!r}")
        record = msgspec.json.decode(entry.value, type=TokenRecord)
        with contextlib.suppress(ConflictError):  # spent already, one way or another
            await self._ledger.commit([self._spend(record, REVOKED, ABSENT)])
        return record

    async def all(self) -> Sequence[ListedToken]:
        """Return every token that was made and has not been swept, oldest first."""
        made = await self._ledger.list(self._made)
        spent = {
            each.key.removeprefix(self._spent): msgspec.json.decode(
                each.value, type=Spent
            ).why
            for each in (await self._ledger.list(self._spent)).entries
        }
        records = (
            msgspec.json.decode(each.value, type=TokenRecord) for each in made.entries
        )
        return [
            ListedToken(each, spent.get(each.id, ""))
            for each in sorted(records, key=lambda each: (each.issued, each.id))
        ]

    def _spend(self, record: TokenRecord, why: str, expected: Revision) -> Write:
        value = msgspec.json.encode(Spent(why, record.expires))
        return Write(self._spent + record.id, value, expected)

    async def sweep(self, clock: Clock) -> None:
        """Remove what has expired, now and every ten seconds until cancelled."""
        while True:
            try:
                for prefix in (self._made, self._spent):
                    await self._remove_expired(prefix, clock.now() - KEPT_LONGER)
                self.trouble = None
            except LedgerUnavailableError as error:
                self.trouble = str(error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _remove_expired(self, prefix: str, before: datetime) -> None:
        for entry in (await self._ledger.list(prefix)).entries:
            with contextlib.suppress(msgspec.MsgspecError, ConflictError):
                if msgspec.json.decode(entry.value, type=_Expiring).expires <= before:
                    await self._ledger.commit(
                        [Write(entry.key, None, expected=entry.revision)]
                    )
