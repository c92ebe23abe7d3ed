"""What the ledger holds beside configuration, from moment to moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from meltemi.kernel.names import Revision
from meltemi.store.ports import CompactedError, LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from meltemi.store.ports import LedgerReader, Listing

RETRY_SECONDS: Final = 0.5

T = TypeVar("T")

log = structlog.get_logger("meltemi.pilot")


async def following(
    ledger: LedgerReader, prefix: str, make: Callable[[Listing], T]
) -> AsyncGenerator[T]:
    """Yield what ``make`` makes of all there is, and again on every change; never end.

    A ledger that is away is waited for: what was yielded last holds until then.
    """
    away = False
    while True:
        try:
            listing = await ledger.list(prefix)
            away = False
            yield make(listing)
            async for step in ledger.watch(prefix, Revision(listing.revision + 1)):
                if step.mutations:
                    break
        except (CompactedError, LedgerUnavailableError) as error:
            if not away:
                log.warning("ledger.not-followed", prefix=prefix, error=str(error))
            away = True
            await asyncio.sleep(RETRY_SECONDS)
