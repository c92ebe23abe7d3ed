"""The authority of a self-signed mesh as the ledger holds it: one value, one writer.

::

    STEADY ─begin─▶ PREPARE ─▶ DISTRIBUTE ─▶ DRAIN ─▶ STEADY      (retired: the old)
                       │            │           │
                       └────abandon─┴───────────┘      back to what signed before

PREPARE has the key. DISTRIBUTE has both roots in the bundle, the old one signs. DRAIN
has both, the new one signs: going there is what operators call ACTIVATE. Leaving it
is RETIRE. No I/O.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

import msgspec

from meltemi.citadel.sealing import Sealed
from meltemi.kernel.errors import Blame, MeshError


class Phase(StrEnum):
    """How far a rotation has come."""

    STEADY = "STEADY"
    PREPARE = "PREPARE"
    DISTRIBUTE = "DISTRIBUTE"
    DRAIN = "DRAIN"


PATIENCE = timedelta(seconds=10)
"""A tainted root signs so long for the sake of proxies that do not answer."""


class RotationError(MeshError):
    """What is asked does not fit where the rotation stands."""

    code = "citadel.rotation"
    blame = Blame.CALLER


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which authorities there are, which signs, and how far a rotation has come.

    Attributes:
        active: The generation that signs.
        sealed: One authority, or two while a rotation lasts: keys encrypted.
        phase: Where the rotation stands.
        since: When it came there.
        tainted: The generation that is to be believed no longer than necessary; 0:
            none. A rotation away from it waits for nobody.

    """

    active: int
    sealed: tuple[Sealed, ...]
    phase: Phase
    since: datetime
    tainted: int = 0

    def encode(self) -> bytes:
        """Return the stored form, JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read the stored form; raise `RotationError` if ``raw`` is none."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise RotationError(
                f"the stored authority cannot be read: {error}"
            ) from error

    @property
    def other(self) -> Sealed | None:
        """The authority that comes or goes, if there are two."""
        return next((e for e in self.sealed if e.generation != self.active), None)

    @property
    def newest(self) -> int:
        """The highest generation there ever was among these."""
        return max(each.generation for each in self.sealed)

    @property
    def signing(self) -> Sealed:
        """The authority that signs."""
        return next(e for e in self.sealed if e.generation == self.active)

    @property
    def believed(self) -> tuple[Sealed, ...]:
        """Whose roots are in the trust bundle, the one that signs first."""
        if self.other is None or self.phase is Phase.PREPARE:
            return (self.signing,)
        return (self.signing, self.other)


class Waits(msgspec.Struct, frozen=True):
    """How long a rotation stays where it is, at least.

    Attributes:
        distribute: Until the old authority stops signing: what is away for less than
            that has heard of the new root when it returns.
        drain: Until the old root is not believed any more: the longest life of a
            certificate, and what clocks may differ by.

    """

    distribute: timedelta
    drain: timedelta


def first(sealed: Sealed, now: datetime) -> Record:
    """Return the record of a mesh with one authority."""
    return Record(sealed.generation, (sealed,), Phase.STEADY, now)


def begun(
    record: Record, sealed: Sealed, now: datetime, *, taint: bool = False
) -> Record:
    """Return ``record`` with a rotation to ``sealed`` begun.

    Raises:
        RotationError: If one is under way.

    """
    if record.phase is not Phase.STEADY:
        raise RotationError(
            f"a rotation is under way ({record.phase} since {record.since:%FT%TZ}): "
            "wait for its end, or go back with meltemi ca abandon"
        )
    if sealed.generation <= record.newest:
        raise RotationError(
            f"generation {sealed.generation} is not after {record.newest}"
        )
    return msgspec.structs.replace(
        record,
        sealed=(*record.sealed, sealed),
        phase=Phase.PREPARE,
        since=now,
        tainted=record.active if taint else 0,
    )


def tainted(record: Record, now: datetime) -> Record:
    """Return ``record`` whose rotation, under way, leaves a key that others know.

    Raises:
        RotationError: If no rotation is under way.

    """
    if record.phase is Phase.STEADY or record.other is None:
        raise RotationError("no rotation is under way")
    leaving = record.active
    if record.phase is Phase.DRAIN:
        leaving = record.other.generation
    return msgspec.structs.replace(record, tainted=leaving, since=now)


def abandoned(record: Record, now: datetime) -> Record:
    """Return ``record`` on its way back to the authority that signed before.

    In DRAIN certificates of both are about, so going back drains as going on does.

    Raises:
        RotationError: If there is nothing to go back from, or to.

    """
    other = record.other
    if record.phase is Phase.STEADY or other is None:
        raise RotationError("no rotation is under way")
    if record.tainted:
        raise RotationError(
            f"generation {record.tainted} is tainted: there is no way back to it"
        )
    if record.phase is Phase.DRAIN:
        return msgspec.structs.replace(record, active=other.generation, since=now)
    return msgspec.structs.replace(
        record, sealed=(record.signing,), phase=Phase.STEADY, since=now
    )


class Spread(msgspec.Struct, frozen=True):
    """How far the authority that signs is known, and the other still in use.

    Attributes:
        distributed: Every connected proxy holds the bundle.
        living: Certificates of the other authority that have not ended.

    """

    distributed: bool
    living: int


def retired(
    record: Record, waits: Waits, now: datetime, spread: Spread, *, force: bool = False
) -> Record:
    """Return ``record`` without the authority that signs no more.

    Args:
        record: Where the rotation stands.
        waits: How long it stays there at least.
        now: The current time.
        spread: What is known of proxies and certificates.
        force: A tainted authority goes although certificates of it live.

    Raises:
        RotationError: If it still signs, or what it signed may still be valid (T22).

    """
    if record.phase is not Phase.DRAIN or record.other is None:
        raise RotationError(f"nothing to retire in {record.phase}")
    if record.tainted and not force and (spread.living or not spread.distributed):
        held = "every" if spread.distributed else "not every"
        raise RotationError(
            f"{spread.living} certificates of the tainted generation "
            f"{record.other.generation} live, and {held} connected proxy holds the new "
            "root: without the old one their holders are not believed. They are "
            "renewed and it goes by itself; or meltemi ca retire --force"
        )
    until = record.since + waits.drain
    if now < until and not record.tainted:
        raise RotationError(
            f"certificates of generation {record.other.generation} may be valid until "
            f"{until:%FT%TZ}: without its root their holders are not believed; wait, "
            "or meltemi ca taint"
        )
    return msgspec.structs.replace(
        record, sealed=(record.signing,), phase=Phase.STEADY, since=now, tainted=0
    )


def advanced(
    record: Record, waits: Waits, now: datetime, *, distributed: bool
) -> Record | None:
    """Return where ``record`` goes next by itself; None while it has to wait.

    A clock that was set back makes a rotation wait, never hurry.

    Args:
        record: Where it stands.
        waits: How long it stays in a phase at least.
        now: The current time.
        distributed: Every connected proxy holds the bundle of ``record``.

    """
    waited = now - record.since
    match record.phase:
        case Phase.PREPARE:
            return msgspec.structs.replace(record, phase=Phase.DISTRIBUTE, since=now)
        case Phase.DISTRIBUTE if record.tainted:
            ready = distributed or waited >= PATIENCE
        case Phase.DISTRIBUTE:
            ready = distributed and waited >= waits.distribute
        case Phase.DRAIN if record.tainted:
            ready = distributed and waited >= min(waits.distribute, waits.drain)
        case Phase.DRAIN:
            ready = waited >= waits.drain
        case _:
            ready = False
    if not ready:
        return None
    if record.phase is Phase.DRAIN:
        return msgspec.structs.replace(
            record, sealed=(record.signing,), phase=Phase.STEADY, since=now, tainted=0
        )
    return _activated(record, now)


def _activated(record: Record, now: datetime) -> Record | None:
    other = record.other
    if other is None:
        return None
    return msgspec.structs.replace(
        record, active=other.generation, phase=Phase.DRAIN, since=now
    )
