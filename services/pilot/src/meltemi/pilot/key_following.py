"""The fetched keys of token issuers, as the ledger has them from moment to moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.config.key_sets import keys_prefix
from meltemi.kernel.names import Revision
from meltemi.pilot.model.fetched_keys import FetchedKeys
from meltemi.store.ports import CompactedError, LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meltemi.store.ports import LedgerReader

RETRY_SECONDS: Final = 0.5

log = structlog.get_logger("meltemi.pilot")


async def following_keys(
    ledger: LedgerReader, mesh: str
) -> AsyncGenerator[FetchedKeys]:
    """Yield all keys there are, and again whenever they differ; never end.

    That they were fetched anew, and are the same, is no difference.

    A ledger that is away is waited for: what was yielded last holds until then.
    """
    prefix, away = keys_prefix(mesh), False
    last: FetchedKeys | None = None
    while True:
        try:
            listing = await ledger.list(prefix)
            away = False
            keys = FetchedKeys.of(listing)
            if last is None or keys.by_source != last.by_source:
                last = keys
                yield keys
            async for step in ledger.watch(prefix, Revision(listing.revision + 1)):
                if step.mutations:
                    break
        except (CompactedError, LedgerUnavailableError) as error:
            if not away:
                log.warning("keys.not-followed", error=str(error))
            away = True
            await asyncio.sleep(RETRY_SECONDS)
