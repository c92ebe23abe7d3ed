"""What another source than the ledger told, read and followed like the ledger."""

from __future__ import annotations

import asyncio
from collections import deque
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.latest import Latest
from meltemi.store.ports import (
    CompactedError,
    Entry,
    LedgerUnavailableError,
    Listing,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from meltemi.store.ports import Mutation, Page

STEPS_KEPT: Final = 1024
ANSWER_SECONDS: Final = 2.0


class ToldLedger:
    """One mesh's part of a ledger: every change is a revision of its own.

    Args:
        epoch: Names the source.
        lacking: Says why nothing is known yet; asked as long as that is so.

    """

    def __init__(self, epoch: Epoch, lacking: Callable[[], str]) -> None:
        # Each Pilot counts for itself: no revision means the same in two of them.
        self._epoch = Epoch(f"{epoch}#{token_hex(4)}")
        self._lacking = lacking
        self._entries: dict[str, Entry] = {}
        self._steps: deque[Step] = deque(maxlen=STEPS_KEPT)
        self._complete = asyncio.Event()
        self._revision: Latest[Revision] = Latest(Revision(0))

    def take(self, mutations: Iterable[Mutation]) -> None:
        """Apply ``mutations`` as one revision, and let everybody see it."""
        revision, made = Revision(self._revision.value + 1), tuple(mutations)
        for each in made:
            if each.value is None:
                del self._entries[each.key]
                continue
            before = self._entries.get(each.key)
            created = before.created if before else revision
            self._entries[each.key] = Entry(each.key, each.value, revision, created)
        self._steps.append(Step(self._epoch, revision, made))
        self._revision.set(revision)

    def complete(self) -> None:
        """Take note that the source has told all there is, once; it may be nothing."""
        if not self._revision.value:
            self.take(())
        self._complete.set()

    async def get(self, key: str) -> Entry | None:
        """Return the entry at ``key``."""
        await self._first_state()
        return self._entries.get(key)

    async def list(
        self, prefix: str, *, keys_only: bool = False, page: Page | None = None
    ) -> Listing:
        """Return everything under ``prefix``; whole, whatever ``page`` says."""
        del keys_only, page  # more than is asked for is an answer, too
        await self._first_state()
        found = [each for key, each in self._entries.items() if key.startswith(prefix)]
        return Listing(
            self._epoch,
            self._revision.value,
            tuple(sorted(found, key=lambda each: each.key)),
        )

    async def watch(self, prefix: str, start: Revision) -> AsyncGenerator[Step]:
        """Yield what changed under ``prefix`` from ``start`` on, then as it changes."""
        generation = -1
        while True:
            generation = await self._revision.newer(generation)
            if self._steps and start < self._steps[0].revision:
                raise CompactedError(self._steps[0].revision)
            for step in [each for each in self._steps if each.revision >= start]:
                start = Revision(step.revision + 1)
                touched = (
                    each for each in step.mutations if each.key.startswith(prefix)
                )
                if mutations := tuple(touched):
                    yield Step(step.epoch, step.revision, mutations)

    async def _first_state(self) -> None:
        """Wait until the source has told all there is, once."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._complete.wait()
        except TimeoutError:
            raise LedgerUnavailableError(self._lacking()) from None
