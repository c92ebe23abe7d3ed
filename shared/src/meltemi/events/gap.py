"""Knowing that something was missed, without I/O.

::

    Change, Heartbeat ──▶ GapDetector ──▶ Apply | Wait | Duplicate | Resync
    listing applied   ──▶      │
                               position: every change up to here is applied
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from meltemi.kernel.names import Revision

if TYPE_CHECKING:
    from meltemi.events.change import Change, Heartbeat
    from meltemi.kernel.names import Epoch

MOST_RELAYS = 64
"""Relays remembered at once: more can only be forged or long gone."""

BELIEVED = 3
"""Older listings in a row after which the ledger is right and our place wrong."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Everything that one revision changed: apply it whole (F-04)."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Part of a revision is here, the rest is still to come."""

    missing: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Nothing new: it is already applied."""


@dataclass(frozen=True, slots=True)
class Resync:
    """Something was missed: list the ledger, then call `GapDetector.listed`."""

    reason: str


Verdict: TypeAlias = Apply | Wait | Duplicate | Resync


class GapDetector:
    """The place a listener has reached, and what each message means from there.

    Until `listed` is called after a `Resync`, later messages are judged from the
    old place: they ask for a resync too, so none is lost while one runs.
    """

    def __init__(self) -> None:
        self._epoch: Epoch | None = None
        self._position = Revision(0)
        self._parts: dict[int, Change] = {}
        self._heads: dict[str, Revision] = {}
        self._older = 0

    @property
    def epoch(self) -> Epoch | None:
        """The ledger we follow; None before the first listing."""
        return self._epoch

    @property
    def position(self) -> Revision:
        """Every change up to this revision is applied."""
        return self._position

    def listed(self, epoch: Epoch, revision: Revision) -> bool:
        """Note that a listing at ``revision`` was applied.

        Returns False, and stays where it is, for a listing older than what is
        already applied: a member that lags must not roll anybody back (F-13). But a
        ledger does not lag for ever: where listing after listing is older, it is our
        place that is wrong, because somebody rang for a revision that never was
        (F-20), and the ledger is believed.
        """
        if epoch == self._epoch and revision < self._position:
            self._older += 1
            if self._older < BELIEVED:
                return False
        self._older = 0
        self._epoch, self._position = epoch, revision
        self._parts.clear()
        self._heads.clear()
        return True

    def change(self, change: Change) -> Verdict:
        """Return what to do about ``change``."""
        if self._epoch != change.epoch:
            return self._stranger(change.epoch)
        if change.revision <= self._position:
            return Duplicate()
        if change.previous > self._position:
            return Resync(
                f"gap: {change.revision} follows {change.previous}, we are at "
                f"{self._position}"
            )
        return self._collect(change)

    def _collect(self, change: Change) -> Verdict:
        """Complete the one revision that comes next."""
        held = next(iter(self._parts.values()), change)
        if (held.revision, held.parts) != (change.revision, change.parts):
            return Resync(
                f"contradiction: {held.revision} and {change.revision} both come next"
            )
        self._parts[change.part] = change
        missing = change.parts - len(self._parts)
        if missing:
            return Wait(missing)
        changes = tuple(self._parts[part] for part in sorted(self._parts))
        self._position = change.revision
        self._parts.clear()
        return Apply(changes)

    def beat(self, beat: Heartbeat) -> Duplicate | Resync:
        """Return what to do about ``beat``.

        Beats and changes may overtake each other, so a head is held against us only
        when the same relay's next beat still finds us behind it.
        """
        if self._epoch != beat.epoch:
            return self._stranger(beat.epoch)
        before = self._heads.pop(beat.relay, Revision(0))
        while len(self._heads) >= MOST_RELAYS:
            del self._heads[next(iter(self._heads))]
        self._heads[beat.relay] = beat.head
        if before > self._position:
            return Resync(f"behind: the head was {before}, we are at {self._position}")
        return Duplicate()

    def _stranger(self, epoch: Epoch) -> Resync:
        if self._epoch is None:
            return Resync("start: nothing was listed yet")
        return Resync(f"epoch: {epoch} speaks, we follow {self._epoch}")
