"""A service that starts without its ledger ends soon, and says why.

One that has started lives through the loss of it: that is another matter.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from meltemi.store.ports import LedgerUnavailableError

if TYPE_CHECKING:
    from meltemi.store.ports import LedgerReader

START_SECONDS: Final = 20.0
"""How long a service waits: etcd may be starting, too."""
PAUSE_SECONDS: Final = 0.25
NOTHING: Final = "/mesh/arrival/"
"""A place where nothing lies: an empty listing is answer enough."""


async def arrival(ledger: LedgerReader, *, seconds: float = START_SECONDS) -> None:
    """Return once ``ledger`` answers.

    Raises:
        LedgerUnavailableError: If it did not within ``seconds``.

    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            await ledger.list(NOTHING)
        except LedgerUnavailableError as error:
            if loop.time() >= deadline:
                message = f"{error}; not started: start etcd, or correct the endpoints"
                raise LedgerUnavailableError(message) from error
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
