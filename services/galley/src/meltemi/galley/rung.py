"""How far the doorbell was rung, kept in the ledger: a relay can go on there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from meltemi.kernel.errors import MeshError
from meltemi.kernel.names import Epoch, Revision
from meltemi.store.ports import Write

if TYPE_CHECKING:
    from meltemi.store.ports import LedgerWriter

log = structlog.get_logger("meltemi.galley")


class _Place(msgspec.Struct, frozen=True):
    epoch: str
    revision: int


class Rung:
    """The newest revision up to which everything was rung, by whichever relay.

    It may lag, and then a change is rung twice, which costs nothing; it never is
    ahead. All relays of a mesh share it: the one that comes last writes over it.
    """

    def __init__(self, ledger: LedgerWriter, mesh: str) -> None:
        self._ledger, self._key = ledger, f"/mesh/runtime/v1/{mesh}/rung"
        self._waiting: _Place | None = None
        self._stored: _Place | None = None

    async def read(self, epoch: Epoch) -> Revision | None:
        """Return it, if anything was ever rung of the ledger ``epoch``.

        Raises:
            LedgerUnavailableError: If the ledger does not answer.

        """
        entry = await self._ledger.get(self._key)
        try:
            place = msgspec.json.decode(entry.value if entry else b"", type=_Place)
        except msgspec.MsgspecError:
            return None
        return Revision(place.revision) if place.epoch == epoch else None

    async def keep(self, epoch: Epoch, revision: Revision) -> None:
        """Keep what was said the time before; say ``revision`` the next time.

        What is handed to the bus takes a moment to leave the process: a beat later it
        has left. A ledger that is away is left alone: the next beat tries again.
        """
        due, self._waiting = self._waiting, _Place(epoch, revision)
        if due is not None:
            await self._store(due)

    async def begin(self, epoch: Epoch, revision: Revision) -> None:
        """Keep ``revision`` at once: nothing before it needs to be rung."""
        await self._store(_Place(epoch, revision))

    async def _store(self, due: _Place) -> None:
        if due == self._stored:
            return
        try:
            await self._ledger.commit([Write(self._key, msgspec.json.encode(due))])
        except MeshError as error:
            log.debug("relay.place-not-kept", error=str(error))
        else:
            self._stored = due
