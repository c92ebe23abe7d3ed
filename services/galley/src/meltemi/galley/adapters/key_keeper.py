"""Fetching the keys of token issuers, and keeping the last good ones in the ledger.

Every Galley keeps them, without a leader: what is due is told by the ledger's own
record of the last try, and of two that try at once the second finds its write refused.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.config.foreign_bundle import foreign_bundle
from meltemi.config.key_sets import (
    BUNDLE,
    BadKeySetError,
    KeptKeys,
    discovered,
    kept_keys,
    keys_place,
    keys_prefix,
    public_keys,
)
from meltemi.galley.key_schedule import (
    condition,
    due,
    failed,
    fetched,
    fetched_bundle,
    is_outdated,
)
from meltemi.galley.key_sources import KeySources, sources_of
from meltemi.kernel.errors import MeshError
from meltemi.kernel.names import Revision
from meltemi.runtime.containment import Failed, contained_wait
from meltemi.runtime.guarded_fetch import FetchFailedError, FetchRefusedError, fetch
from meltemi.store.ports import ConflictError, LedgerUnavailableError, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.key_sets import KeySource
    from meltemi.config.schema.message import Message
    from meltemi.galley.distribution import Condition
    from meltemi.galley.metrics import Metrics
    from meltemi.kernel.clock import Clock
    from meltemi.runtime.guarded_fetch import Guard
    from meltemi.store.ports import Entry, LedgerWriter

AT_ONCE: Final = 8
MOST_SECONDS: Final = 60.0
"""Between two looks at what is due: what other Galleys did is seen by then."""
RETRY_SECONDS: Final = 2.0
LONGEST: Final = 400
"""Characters of a problem: a part of it may be what a stranger sent."""
DISCOVERY: Final = "/.well-known/openid-configuration"

log = structlog.get_logger("meltemi.galley")


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """How keys are fetched.

    Attributes:
        guard: Where to, and how much; a rule's timeout stands in for its seconds.
        refresh: After which good keys are fetched again.

    """

    guard: Guard
    refresh: timedelta = timedelta(minutes=20)


class KeyKeeper:
    """Keeps the keys that the mesh's objects need as fresh as their issuers let."""

    def __init__(
        self,
        ledger: LedgerWriter,
        mesh: str,
        policy: KeyPolicy,
        clock: Clock,
    ) -> None:
        self._ledger, self._mesh, self._policy = ledger, mesh, policy
        self._clock = clock
        self._wake = asyncio.Event()
        self.sources = KeySources(self._wake.set)
        """To be told of every change of configuration."""
        self.kept: Mapping[KeySource, KeptKeys] = {}
        """How it stands with each source, as last seen."""

    def measure(self, metrics: Metrics) -> None:
        """Show how many sources there are, and how many are in trouble."""
        metrics.key_sources.set_function(lambda: len(self.kept))
        metrics.key_sources_failing.set_function(
            lambda: sum(bool(each.failures) for each in self.kept.values())
        )
        metrics.key_sources_without_keys.set_function(
            lambda: sum(not each.keys for each in self.kept.values())
        )

    def conditions(self, spec: Message) -> tuple[Condition, ...]:
        """Return how it stands with the keys that an object needs; nothing for none."""
        sources = sources_of(spec)
        known = [
            self.kept.get(each)
            or KeptKeys(issuer=each.issuer, uri=each.uri, kind=each.kind)
            for each in sources
        ]
        return (condition(known),) if known else ()

    async def run(self) -> None:
        """Fetch what is due until cancelled."""
        while True:
            self._wake.clear()
            try:
                pause = await self.keep()
            except LedgerUnavailableError as error:
                log.warning("keys.not-kept", error=str(error))
                pause = RETRY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def keep(self) -> float:
        """Fetch what is due now, remove what is of no use; return seconds to wait."""
        listing = await self._ledger.list(keys_prefix(self._mesh))
        there = dict(_readable(listing.entries))
        wanted = self.sources.wanted
        await self._sweep(there, wanted)
        turn = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for source, seconds in wanted.items():
                _, kept = there.get(source, (None, None))
                if self._is_due(kept):
                    tasks.create_task(self._one(source, seconds, turn))
        listing = await self._ledger.list(keys_prefix(self._mesh))
        found = {source: kept for source, (_, kept) in _readable(listing.entries)}
        self.kept = {source: each for source, each in found.items() if source in wanted}
        return self._pause(wanted)

    def _is_due(self, kept: KeptKeys | None) -> bool:
        now = self._clock.now()
        return due(kept, self._policy.refresh, now) <= now

    def _pause(self, wanted: Iterable[KeySource]) -> float:
        now = self._clock.now()
        left = [
            (
                due(self.kept.get(source), self._policy.refresh, now) - now
            ).total_seconds()
            for source in wanted
        ]
        return min(max(min(left, default=MOST_SECONDS), 0.1), MOST_SECONDS)

    async def _sweep(
        self,
        there: Mapping[KeySource, tuple[Entry, KeptKeys]],
        wanted: Mapping[KeySource, float],
    ) -> None:
        """Remove keys that nothing names any more, once they are too old anyway."""
        now = self._clock.now()
        for source, (entry, kept) in there.items():
            if source not in wanted and is_outdated(kept, now):
                await self._commit(Write(entry.key, None, entry.revision))

    async def _one(
        self, source: KeySource, seconds: float, turn: asyncio.Semaphore
    ) -> None:
        """Fetch the keys of one source; what goes wrong with it is no other's."""
        result = await contained_wait(self._refresh(source, seconds, turn))
        if isinstance(result, Failed):
            known = isinstance(result.error, MeshError)
            log.warning(
                "keys.not-refreshed",
                source=str(source),
                error=str(result.error),
                exc_info=None if known else result.error,
            )

    async def _refresh(
        self, source: KeySource, seconds: float, turn: asyncio.Semaphore
    ) -> None:
        place = keys_place(self._mesh, source)
        async with turn:
            entry = await self._ledger.get(place)
            kept = kept_keys(entry.value) if entry else None
            if not self._is_due(kept):
                return  # another Galley was here
            made = await self._tried(source, seconds, kept)
        if not made.failures or kept is None or made.problem != kept.problem:
            log.info("keys.tried", source=str(source), problem=made.problem)
        expected = entry.revision if entry else Revision(0)
        await self._commit(Write(place, made.encoded(), expected))

    async def _tried(
        self, source: KeySource, seconds: float, kept: KeptKeys | None
    ) -> KeptKeys:
        guard = replace(self._policy.guard, seconds=seconds)
        try:
            if source.kind == BUNDLE:
                document = await fetch(source.uri, replace(guard, plain=False))
                bundle = foreign_bundle(document, known=kept.sequence if kept else 0)
                return fetched_bundle(source, bundle, self._clock.now())
            uri = source.uri or await _discover(source.issuer, guard)
            keys = public_keys(await fetch(uri, guard))
        except (FetchFailedError, FetchRefusedError, BadKeySetError) as error:
            return failed(source, kept, str(error)[:LONGEST], self._clock.now())
        return fetched(source, keys, self._clock.now())

    async def _commit(self, write: Write) -> None:
        try:
            await self._ledger.commit([write])
        except ConflictError:
            return  # another Galley was faster, and brought the same
        except MeshError as error:
            log.warning("keys.not-stored", key=write.key, error=str(error))


async def _discover(issuer: str, guard: Guard) -> str:
    document = await fetch(issuer.rstrip("/") + DISCOVERY, guard)
    return discovered(document, issuer)


def _readable(
    entries: Iterable[Entry],
) -> Iterable[tuple[KeySource, tuple[Entry, KeptKeys]]]:
    for entry in entries:
        kept = kept_keys(entry.value)
        if kept is not None:
            yield kept.source, (entry, kept)
