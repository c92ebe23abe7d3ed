"""Objects in the ledger: writes that happen whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.galley.admit import Admitted, Held, Removed, Unchanged
from meltemi.galley.history import history_key, record
from meltemi.galley.reads import held_at
from meltemi.galley.refusals import MismatchError
from meltemi.kernel.errors import MeshError
from meltemi.kernel.names import Revision
from meltemi.store.ports import ConflictError, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltemi.galley.admit import Admission
    from meltemi.galley.intent import Asked, Intent
    from meltemi.galley.pruning import Pruning
    from meltemi.galley.sight import Sight
    from meltemi.galley.trail import Trail
    from meltemi.store.ports import Entry, LedgerWriter

NOT_THERE = Revision(0)
ATTEMPTS = 16
"""Times a write is admitted anew after another writer was faster."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a write: the object, at the revision of the write."""

    held: Held
    created: bool = False
    changed: bool = False
    """Whether there was anything to do."""
    written: bool = False
    """Whether it was done: a dry run does not."""
    removed: bool = False
    before: Held | None = None
    """What was there."""

    @property
    def word(self) -> str:
        """The outcome in kubectl's words."""
        if self.removed:
            return "deleted"
        if self.created:
            return "created"
        return "configured" if self.changed else "unchanged"


@dataclass(frozen=True, slots=True)
class Order:
    """An intent, and who has it."""

    intent: Intent
    asked: Asked


@dataclass(frozen=True, slots=True)
class _Decision:
    order: Order
    current: Held | None
    admission: Admission


class Objects:
    """The configuration objects of one mesh."""

    def __init__(
        self,
        ledger: LedgerWriter,
        sight: Sight,
        pruning: Pruning,
        mesh: str,
        trail: Trail | None = None,
    ) -> None:
        self._ledger, self._sight, self._mesh = ledger, sight, mesh
        self._pruning, self._trail = pruning, trail

    async def perform(
        self, orders: Sequence[Order], *, dry_run: bool = False
    ) -> tuple[Outcome, ...]:
        """Do all that is ordered in one transaction, or nothing.

        The first look may be a guess (`Sight`): what it refuses or leaves alone is
        looked at again in the ledger. While other writers are faster, admit anew.

        Raises:
            MeshError: Whatever an intent refuses with. Nothing was written then.
            TooManyWritesError: If one transaction cannot hold it.

        """
        started = self._trail.now() if self._trail else 0
        if len({order.intent.key for order in orders}) < len(orders):
            raise MismatchError("an object stands twice: one transaction, one write")
        for attempt in range(ATTEMPTS):
            guess = attempt == 0 and not dry_run and self._sight.clear
            decisions = self._guessed(orders) if guess else None
            if decisions is None:
                decisions = [await self._decided(each) for each in orders]
            try:
                return await self._commit(decisions, started, dry_run=dry_run)
            except ConflictError:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _guessed(self, orders: Sequence[Order]) -> Sequence[_Decision] | None:
        """Decide by what is probably there; None where the ledger must be asked."""
        try:
            decisions = [
                self._decision(order, self._sight.get(self._place(order)))
                for order in orders
            ]
        except MeshError:
            return None
        return None if any(map(_changes_nothing, decisions)) else decisions

    async def _decided(self, order: Order) -> _Decision:
        return self._decision(order, await self._ledger.get(self._place(order)))

    def _decision(self, order: Order, entry: Entry | None) -> _Decision:
        current = None if entry is None else held_at(order.intent.key, entry)
        return _Decision(order, current, order.intent.decide(current, order.asked))

    def _place(self, order: Order) -> str:
        return ledger_key(self._mesh, order.intent.key)

    async def _commit(
        self, decisions: Sequence[_Decision], started: int, *, dry_run: bool
    ) -> tuple[Outcome, ...]:
        if dry_run:
            return tuple(_outcome(each, None) for each in decisions)
        writes = [write for each in decisions for write in self._writes(each)]
        if not writes:
            return tuple(_outcome(each, None) for each in decisions)
        revision = await self._ledger.commit(writes)
        self._sight.note(writes, revision)
        if self._trail:
            told = [each.order for each in decisions if not _changes_nothing(each)]
            self._trail.put(told, revision, started)
        for each in decisions:
            if each.current is not None and not _changes_nothing(each):
                self._pruning.note(each.order.intent.key)
        return tuple(_outcome(each, revision) for each in decisions)

    def _writes(self, decision: _Decision) -> Sequence[Write]:
        """Return the write itself, and the one that keeps what was there before."""
        if isinstance(decision.admission, Unchanged):
            return ()
        key, current = decision.order.intent.key, decision.current
        removal, value = None, None
        if isinstance(decision.admission, Admitted):
            value = stored(decision.admission.resource)
        else:
            removal = decision.order.asked.stamp
        place = ledger_key(self._mesh, key)
        if current is None:
            return (Write(place, value, NOT_THERE),)
        kept = history_key(self._mesh, key, current.revision)
        return (
            Write(place, value, current.revision),
            Write(kept, record(current, removal)),
        )


def _changes_nothing(decision: _Decision) -> bool:
    return isinstance(decision.admission, Unchanged)


def _outcome(decision: _Decision, revision: Revision | None) -> Outcome:
    """Return what became of it; without a ``revision`` nothing was written."""
    admission, current = decision.admission, decision.current
    written = revision is not None
    if isinstance(admission, Unchanged):
        return Outcome(admission.held, before=current)
    revision_before = NOT_THERE if current is None else current.revision
    if isinstance(admission, Removed):
        held = Held(admission.held.resource, revision or revision_before)
        return Outcome(
            held, changed=True, written=written, removed=True, before=current
        )
    held = Held(admission.resource, revision or revision_before)
    return Outcome(
        held, admission.created, changed=True, written=written, before=current
    )
