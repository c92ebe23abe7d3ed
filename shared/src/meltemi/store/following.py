"""A prefix of the ledger as it is, told to whoever keeps a picture of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

from meltemi.kernel.names import Revision
from meltemi.store.ports import CompactedError, LedgerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.store.ports import LedgerReader

AGAIN_SECONDS = 0.5


class Follower(Protocol):
    """Keeps a picture. Keys come without the prefix."""

    def replace(self, found: Mapping[str, bytes]) -> None:
        """Take that there is ``found``, and nothing else."""
        ...

    def change(self, key: str, value: bytes | None) -> None:
        """Take that ``key`` holds ``value`` now; None: it is gone."""
        ...


async def look(ledger: LedgerReader, prefix: str, follower: Follower) -> Revision:
    """Tell ``follower`` once what lies under ``prefix``; return as of when.

    Raises:
        LedgerUnavailableError: If the ledger does not answer.

    """
    listing = await ledger.list(prefix)
    follower.replace(
        {each.key.removeprefix(prefix): each.value for each in listing.entries}
    )
    return listing.revision


async def follow(ledger: LedgerReader, prefix: str, follower: Follower) -> None:
    """Tell ``follower`` what lies under ``prefix``, then every change, for ever.

    While the ledger is away the picture stays as it is.
    """
    while True:
        with contextlib.suppress(CompactedError, LedgerUnavailableError):
            start = Revision(await look(ledger, prefix, follower) + 1)
            async with contextlib.aclosing(ledger.watch(prefix, start)) as steps:
                async for step in steps:
                    for each in step.mutations:
                        follower.change(each.key.removeprefix(prefix), each.value)
        await asyncio.sleep(AGAIN_SECONDS)
