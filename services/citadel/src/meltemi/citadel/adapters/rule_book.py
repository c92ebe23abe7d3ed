"""Denials and registration entries in the ledger: what administrators write."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from meltemi.citadel.entries import Entry, entries_prefix, read_entry
from meltemi.identity.denials import denied_prefix, identity_key, serial_key
from meltemi.kernel.errors import Blame, MeshError
from meltemi.store.ports import ConflictError, LedgerUnavailableError, Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.kernel.clock import Clock
    from meltemi.kernel.identity import SpiffeId
    from meltemi.store.ports import LedgerWriter

LONGEST_CERTIFICATE = timedelta(days=91)
"""A denied serial number is forgotten when its certificate has ended for certain."""


SWEEP_SECONDS = 60.0


class NoSuchRuleError(MeshError):
    """There is no such denial, or no such registration entry."""

    code = "citadel.no-such-rule"
    blame = Blame.CALLER


class Denial(msgspec.Struct, frozen=True):
    """Why somebody is denied, since when, and for how long."""

    reason: str
    by: str
    since: datetime
    expires: datetime | None = None


class RuleBook:
    """What holds for callers, as the ledger has it."""

    def __init__(self, ledger: LedgerWriter, mesh: str, trust_domain: str) -> None:
        self._ledger = ledger
        self._trust_domain = trust_domain
        self._denied, self._entries = denied_prefix(mesh), entries_prefix(mesh)

    async def deny_serial(self, serial: int, denial: Denial) -> None:
        """Deny one certificate until it has ended for certain."""
        ends = denial.since + LONGEST_CERTIFICATE
        await self._deny(
            serial_key(serial), msgspec.structs.replace(denial, expires=ends)
        )

    async def deny_identity(self, identity: SpiffeId, denial: Denial) -> None:
        """Deny a workload until that is lifted."""
        await self._deny(identity_key(identity), denial)

    async def lift(self, place: str) -> None:
        """Take a denial back: ``serial/HEX`` or ``identity/NAMESPACE/ACCOUNT``.

        Raises:
            NoSuchRuleError: If there is none.

        """
        await self._remove(self._denied + place, f"nothing is denied at {place!r}")

    async def denials(self) -> Mapping[str, Denial]:
        """Return what is denied, by its place."""
        listing = await self._ledger.list(self._denied)
        return {
            each.key.removeprefix(self._denied): msgspec.json.decode(
                each.value, type=Denial
            )
            for each in listing.entries
        }

    async def put(self, name: str, raw: bytes) -> Entry:
        """Store the registration entry that JSON spells; return it.

        Raises:
            MeshError: If it is none, as `read_entry` says.

        """
        entry = read_entry(name, raw, self._trust_domain)
        value = msgspec.json.encode(entry)
        await self._ledger.commit([Write(self._entries + name, value)])
        return entry

    async def remove(self, name: str) -> None:
        """Forget a registration entry; raise `NoSuchRuleError` if there is none."""
        await self._remove(self._entries + name, f"there is no entry {name!r}")

    async def sweep(self, now: datetime) -> None:
        """Remove denials of certificates that have ended."""
        for place, denial in (await self.denials()).items():
            if denial.expires is not None and denial.expires <= now:
                with contextlib.suppress(NoSuchRuleError, ConflictError):
                    await self.lift(place)

    async def tend(self, clock: Clock) -> None:
        """Sweep once a minute, until cancelled."""
        while True:
            with contextlib.suppress(LedgerUnavailableError):
                await self.sweep(clock.now())
            await asyncio.sleep(SWEEP_SECONDS)

    async def entries(self) -> Mapping[str, Entry]:
        """Return all registration entries, by name."""
        listing = await self._ledger.list(self._entries)
        return {
            name: read_entry(name, each.value, self._trust_domain)
            for each in listing.entries
            for name in (each.key.removeprefix(self._entries),)
        }

    async def _deny(self, place: str, denial: Denial) -> None:
        await self._ledger.commit(
            [Write(self._denied + place, msgspec.json.encode(denial))]
        )

    async def _remove(self, key: str, missing: str) -> None:
        entry = await self._ledger.get(key)
        if entry is None:
            raise NoSuchRuleError(missing)
        await self._ledger.commit([Write(key, None, entry.revision)])
