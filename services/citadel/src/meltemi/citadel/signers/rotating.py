"""Signing with a root of our own that can be replaced: the ledger says which signs.

::

    ledger  /mesh/citadel/v1/MESH/authority   Record: keys sealed  ◀─ compare, swap
            /mesh/runtime/v1/MESH/trust       the bundle, same transaction
      │ watched by every replica
      ▼
    what signs and what is believed, swapped in one assignment

Any replica may take the next step. The revision of the record is the fence: of two,
or of one that slept and one that did not, one succeeds and the other reads again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog
from cryptography import x509

from meltemi.citadel.issue import issue
from meltemi.citadel.rotation.record import (
    Phase,
    Record,
    RotationError,
    Waits,
    advanced,
    first,
)
from meltemi.citadel.rotation.steady import SteadyTime
from meltemi.citadel.signed import Signed
from meltemi.citadel.signer import SignerUnavailableError
from meltemi.identity.trust import TrustBundle, trust_key
from meltemi.kernel.errors import MeshError
from meltemi.kernel.names import Revision
from meltemi.store.ports import (
    CompactedError,
    ConflictError,
    LedgerUnavailableError,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from meltemi.citadel.issue import Authority, Template
    from meltemi.citadel.sealing import Sealed
    from meltemi.kernel.clock import Clock
    from meltemi.store.ports import LedgerWriter

POLL_SECONDS = 0.5
TRIES = 5

log = structlog.get_logger()


class Safe(Protocol):
    """Where keys are sealed and opened."""

    def sealed(self) -> Sealed:
        """Return the authority this machine has, making one where there is none."""
        ...

    def successor(self, generation: int, now: datetime) -> Sealed:
        """Return a new authority."""
        ...

    def open(self, sealed: Sealed) -> Authority:
        """Return what ``sealed`` holds; raise `UnsealError`."""
        ...

    def keep(self, sealed: Sealed) -> None:
        """Put ``sealed`` where `sealed` finds it."""
        ...


def record_key(mesh: str) -> str:
    """Return where the authority of ``mesh`` lies in the ledger."""
    return f"/mesh/citadel/v1/{mesh}/authority"


def pilots_prefix(mesh: str) -> str:
    """Return where Pilots say which bundle all of their proxies hold."""
    return f"/mesh/runtime/v1/{mesh}/pilots/"


@dataclass(frozen=True, slots=True)
class Stand:
    """What one revision of the record comes to."""

    record: Record
    revision: Revision
    authority: Authority
    bundle: TrustBundle
    roots: tuple[x509.Certificate, ...]


class RotatingSigner:
    """Signs with the authority that the ledger names, and moves rotations on.

    Attributes:
        trouble: Why it cannot sign, or cannot follow the ledger; else None.

    """

    def __init__(
        self, ledger: LedgerWriter, mesh: str, safe: Safe, waits: Waits, clock: Clock
    ) -> None:
        self._ledger, self._mesh, self._safe = ledger, mesh, safe
        self.waits, self._clock = waits, clock
        self._time = SteadyTime(clock.now(), clock.monotonic())
        self._stand: Stand | None = None
        self.trouble: str | None = "the authority was not read from the ledger yet"

    @property
    def stand(self) -> Stand:
        """What is in force.

        Raises:
            SignerUnavailableError: If it is not known yet.

        """
        if self._stand is None:
            raise SignerUnavailableError(f"nothing to sign with: {self.trouble}")
        return self._stand

    async def sign(self, template: Template) -> Signed:
        """Return a certificate of ``template``, of the authority that signs now."""
        authority = self.stand.authority
        serial = x509.random_serial_number()
        leaf = issue(authority, template, now=self._clock.now(), serial=serial)
        return Signed(leaf, authority.chain)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """The trust bundle, the root that signs first."""
        return self._stand.roots if self._stand else ()

    @property
    def expires(self) -> datetime | None:
        """When the authority that signs ends."""
        return self._stand.authority.expires if self._stand else None

    async def tend(self) -> None:
        """Follow the ledger and move a rotation on, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._drive())

    async def change(self, step: Callable[[Record], Record]) -> Record:
        """Take ``step`` from where the record stands; return where it then does.

        Raises:
            RotationError: What ``step`` raises.
            LedgerUnavailableError: If it is unknown whether it was taken.

        """
        for _ in range(TRIES):
            stand = await self._read()
            try:
                return await self.commit(step(stand.record), stand.revision)
            except ConflictError:
                continue
        raise RotationError("others change the authority at the same time: try again")

    async def replace_root(self, step: Callable[[Record, Sealed], Record]) -> Record:
        """Take ``step`` with a new authority, made and sealed for it."""
        return await self.change(
            lambda record: step(
                record, self._safe.successor(record.newest + 1, self._clock.now())
            )
        )

    @property
    def now(self) -> datetime:
        """The time for rotations: a clock that was set forward does not hurry them."""
        self._time = self._time.read(self._clock.now(), self._clock.monotonic())
        return self._time.now

    async def distributed(self) -> bool:
        """Tell whether every Pilot says that all of its proxies hold the bundle.

        Without any Pilot nobody says so.
        """
        listing = await self._ledger.list(pilots_prefix(self._mesh))
        wanted = self.stand.bundle.version
        held = [
            msgspec.json.decode(each.value, type=dict[str, str]).get("trust")
            for each in listing.entries
        ]
        return bool(held) and all(each == wanted for each in held)

    async def _drive(self) -> None:
        """Look twice a second whether a rotation can go on."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            now, stand = self.now, self._stand
            if stand is None or stand.record.phase is Phase.STEADY:
                continue
            try:
                distributed = await self.distributed()
                later = advanced(stand.record, self.waits, now, distributed=distributed)
                if later is not None:
                    await self.commit(later, stand.revision)
            except ConflictError:
                continue  # another replica was faster: the watch brings its step
            except (LedgerUnavailableError, MeshError) as error:
                log.warning("rotation.waits", error=str(error))

    async def _follow(self) -> None:
        while True:
            try:
                stand = await self._read()
                self.trouble = None
                start = Revision(stand.revision + 1)
                async for step in self._ledger.watch(record_key(self._mesh), start):
                    if step.mutations:
                        break
            except (CompactedError, LedgerUnavailableError) as error:
                if self._stand is None:
                    self.trouble = str(error)
                await asyncio.sleep(POLL_SECONDS)
            except MeshError as error:
                self.trouble = f"{error.code}: {error}"
                await asyncio.sleep(POLL_SECONDS)

    async def _read(self) -> Stand:
        """Return the newest, in force from now on; a ledger without one gets one."""
        entry = await self._ledger.get(record_key(self._mesh))
        if entry is None:
            made = first(self._safe.sealed(), self._clock.now())
            try:
                await self.commit(made, Revision(0))
            except ConflictError:
                log.info("authority.made-by-another")
            return await self._read()
        return self._take(Record.decode(entry.value), entry.revision)

    async def commit(self, record: Record, expected: Revision) -> Record:
        """Write ``record`` over what is at revision ``expected``; return it.

        Raises:
            ConflictError: If something else is there by now.
            LedgerUnavailableError: If it is unknown whether it was written.

        """
        bundle = self._bundle(record)
        revision = await self._ledger.commit(
            [
                Write(record_key(self._mesh), record.encode(), expected=expected),
                Write(trust_key(self._mesh), bundle.encode()),
            ]
        )
        log.info(
            "authority.record",
            phase=record.phase,
            active=record.active,
            believed=[each.generation for each in record.believed],
            tainted=record.tainted,
        )
        self._take(record, revision)
        return record

    def _take(self, record: Record, revision: Revision) -> Stand:
        known = self._stand
        if known is not None and known.revision >= revision:
            return known
        authority = self._safe.open(record.signing)
        bundle = self._bundle(record)
        if known is None or known.record.active != record.active:
            self._safe.keep(record.signing)
        stand = Stand(record, revision, authority, bundle, bundle.certificates)
        self._stand = stand
        return stand

    def _bundle(self, record: Record) -> TrustBundle:
        return TrustBundle(tuple(each.certificate for each in record.believed))
