"""From ledger and doorbell to the newest mesh.

::

    bus ── changes ─┐                    ┌─▶ Apply ─▶ mesh.put,.drop ─┐
        ── beats ───┼─▶ signals ─▶ GapDetector                       ├▶ Rounds ▶ Latest
    ledger ─ watch ─┘   (bounded)        └─▶ Resync ─▶ list, replace ─┘
            (only while the bell is silent)

One task applies signals one at a time, so the mesh changes in one place only. What
comes while proxies are told of a change waits for the next round.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from meltemi.config.key_sets import keys_prefix
from meltemi.config.ledger_keys import config_prefix
from meltemi.events.change import Change, Heartbeat, Operation
from meltemi.events.codec import (
    MalformedEventError,
    beats_subject,
    changes_subject,
    decode_beat,
    decode_change,
)
from meltemi.events.gap import Apply, GapDetector, Resync
from meltemi.identity.tls_secret import secrets_prefix
from meltemi.kernel.names import Revision
from meltemi.pilot.following import following
from meltemi.pilot.model.fetched_keys import FetchedKeys
from meltemi.pilot.model.secret_store import SecretStore
from meltemi.pilot.model.shrink import vanished
from meltemi.pilot.model.stored import Kept, StoredMesh
from meltemi.pilot.rounds import Rounds
from meltemi.store.ports import (
    CompactedError,
    LedgerUnavailableError,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping
    from random import Random

    from meltemi.bus.ports import Subscriber
    from meltemi.identity.sealed import SealingKey
    from meltemi.kernel.names import Epoch
    from meltemi.pilot.latest import Latest
    from meltemi.pilot.metrics import Metrics
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.store.ports import LedgerReader, Listing

SIGNALS = 1024
"""Announcements that may wait; one that does not fit is a gap, and gaps are healed."""

SECOND_LOOK_SECONDS = 1.0
"""After so long the ledger is asked again, where much vanished at once."""

SHRUNK = "shrunk"

RETRY_SECONDS = 0.5
"""Between two tries to list a ledger that does not answer."""

log = structlog.get_logger("meltemi.pilot")


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare with the ledger, for this reason."""

    reason: str


Signal = Change | Heartbeat | Step | Compare | FetchedKeys | SecretStore


@dataclass(frozen=True, slots=True)
class Sources:
    """Where configuration comes from: the ledger, the bell, and which mesh."""

    ledger: LedgerReader
    bus: Subscriber | None
    """None: there is no bell, and the ledger is followed from the start."""
    name: str
    sealing: SealingKey | None = None
    """What secrets are opened with; None: there are none."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long to trust silence, in seconds."""

    heartbeat_silence: float
    anti_entropy: float


class Ingest:
    """Keeps ``mesh`` at what the ledger holds, in spite of a bell that may fail."""

    def __init__(
        self,
        sources: Sources,
        mesh: Latest[Mesh],
        rhythm: Rhythm,
        rng: Random,
        metrics: Metrics,
    ) -> None:
        self._sources, self._mesh, self._rhythm = sources, mesh, rhythm
        self._rng, self._metrics = rng, metrics
        self._prefix = config_prefix(sources.name)
        self._detector = GapDetector()
        self._stored = StoredMesh()
        self._signals: asyncio.Queue[Signal] = asyncio.Queue(SIGNALS)
        self._bell = asyncio.Event()
        self._rounds = Rounds(self._show)
        self._doubts = asyncio.Event()
        self._held, self._looked = False, False

    @property
    def ready(self) -> bool:
        """Whether the ledger was read at least once: before, there is nothing."""
        return self._detector.epoch is not None

    async def run(self) -> None:
        """Keep the mesh up to date until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if bus := self._sources.bus:
                tasks.create_task(self._hear_changes(bus))
                tasks.create_task(self._hear_beats(bus))
                tasks.create_task(self._watch_when_silent())
            else:
                tasks.create_task(self._follow(Revision(1)))
            tasks.create_task(self._rounds.run())
            tasks.create_task(self._compare_now_and_then())
            tasks.create_task(self._look_again())
            tasks.create_task(self._apply(tasks))

    async def _hear_changes(self, bus: Subscriber) -> None:
        async for message in bus.subscribe(changes_subject(self._sources.name)):
            try:
                self._signal(decode_change(message))
            except MalformedEventError as error:
                log.warning("event.malformed", error=str(error))
                self._signal(Compare("malformed event"))

    async def _hear_beats(self, bus: Subscriber) -> None:
        async for message in bus.subscribe(beats_subject(self._sources.name)):
            try:
                beat = decode_beat(message)
            except MalformedEventError as error:
                log.warning("event.malformed", error=str(error))
                continue
            self._bell.set()
            self._signal(beat)

    async def _hear(self, beside: AsyncGenerator[FetchedKeys | SecretStore]) -> None:
        async for found in beside:
            await self._signals.put(found)

    async def _begin_beside(self, tasks: asyncio.TaskGroup) -> None:
        """Read the fetched keys and the secrets before anything is published.

        A Pilot that starts must not take from its proxies what they have.
        """
        ledger, name = self._sources.ledger, self._sources.name
        key = self._sources.sealing
        fetched = following(ledger, keys_prefix(name), FetchedKeys.of)
        opened = following(
            ledger, secrets_prefix(name), lambda found: SecretStore.of(found, key)
        )
        self._beside(await anext(fetched))
        self._beside(await anext(opened))
        tasks.create_task(self._hear(fetched))
        tasks.create_task(self._hear(opened))

    def _beside(self, found: FetchedKeys | SecretStore) -> bool:
        """Take what lies beside configuration; tell whether it is news."""
        if isinstance(found, SecretStore) and found.shut:
            log.warning("secrets.shut", keys=found.shut)
        return self._stored.take_beside(found)

    async def _watch_when_silent(self) -> None:
        while True:
            self._bell.clear()
            try:
                async with asyncio.timeout(self._rhythm.heartbeat_silence):
                    await self._bell.wait()
            except TimeoutError:
                if self.ready:
                    await self._watch()

    async def _watch(self) -> None:
        """Follow the ledger itself until the bell is heard again."""
        log.warning("doorbell.silent", seconds=self._rhythm.heartbeat_silence)
        self._metrics.direct.set(1)
        start = Revision(self._detector.position + 1)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow(start))
            await self._bell.wait()
            following.cancel()
        self._metrics.direct.set(0)
        log.info("doorbell.heard")

    async def _follow(self, start: Revision) -> None:
        while True:
            try:
                async for step in self._sources.ledger.watch(self._prefix, start):
                    start = Revision(step.revision + 1)
                    await self._signals.put(step)
            except CompactedError as error:
                await self._signals.put(Compare(error.code))
                start = error.oldest
            except LedgerUnavailableError:
                await asyncio.sleep(RETRY_SECONDS)

    async def _compare_now_and_then(self) -> None:
        self._signal(Compare("start"))
        while True:
            spread = 0.75 + self._rng.random() / 2
            await asyncio.sleep(self._rhythm.anti_entropy * spread)
            self._signal(Compare("anti-entropy"))

    async def _look_again(self) -> None:
        """Compare with the ledger, after a while, whenever much vanished at once."""
        while True:
            await self._doubts.wait()
            self._doubts.clear()
            await asyncio.sleep(SECOND_LOOK_SECONDS)
            await self._signals.put(Compare(SHRUNK))

    def _signal(self, signal: Signal) -> None:
        try:
            self._signals.put_nowait(signal)
        except asyncio.QueueFull:
            self._metrics.overflows.inc()

    async def _apply(self, tasks: asyncio.TaskGroup) -> None:
        await self._begin_beside(tasks)
        while True:
            signal = await self._signals.get()
            match signal:
                case Change():
                    await self._judge(self._detector.change(signal))
                case Heartbeat():
                    await self._judge(self._detector.beat(signal))
                case Step():
                    await self._step(signal)
                case Compare(reason):
                    await self._resync(reason)
                case FetchedKeys() | SecretStore():
                    if self._beside(signal):
                        self._publish()

    async def _judge(self, verdict: object) -> None:
        match verdict:
            case Apply(changes):
                trail = self._metrics.trail
                started = trail.now() if trail else 0
                for change in changes:
                    await self._change(change)
                    self._metrics.convergence.knew(change.revision, change.written)
                if trail:
                    trail.rung(changes, started)
                self._publish()
            case Resync(reason):
                await self._resync(reason)

    async def _change(self, change: Change) -> None:
        value = change.value
        if value is None and change.operation is not Operation.DELETED:
            try:
                entry = await self._sources.ledger.get(change.ledger_key)
            except LedgerUnavailableError:
                await self._resync("value not sent")
                return
            value = entry.value if entry else None
        self._keep(self._stored.take(change.ledger_key, value, change.revision))

    async def _step(self, step: Step) -> None:
        if step.epoch != self._detector.epoch:
            await self._resync(f"epoch: {step.epoch} is watched")
        elif step.revision > self._detector.position:
            for mutation in step.mutations:
                self._keep(
                    self._stored.take(mutation.key, mutation.value, step.revision)
                )
            self._detector.listed(step.epoch, step.revision)
            if step.mutations:
                self._tell(step.epoch, (step.revision,))
                self._publish()

    async def _resync(self, reason: str) -> None:
        """Replace everything by what the ledger holds; try until it answers."""
        before = self._detector.position
        listing = await self._listing(reason)
        looking = reason == SHRUNK
        if not self._detector.listed(listing.epoch, listing.revision):
            if looking:
                self._doubts.set()
            return
        self._looked = self._looked or looking
        changed = self._stored.replace(listing)
        self._keep(changed)
        self._metrics.resyncs.labels(reason.partition(":")[0]).inc()
        if changed.touched or looking or self._mesh.value.revision == 0:
            log.info("mesh.resynced", reason=reason, revision=listing.revision)
            new = {each.revision for each in listing.entries}
            self._tell(listing.epoch, {each for each in new if 0 < before < each})
            self._publish()

    async def _listing(self, reason: str) -> Listing:
        """Return what the ledger holds, however long it takes to answer."""
        away = False
        while True:
            try:
                return await self._sources.ledger.list(self._prefix)
            except LedgerUnavailableError as error:
                if not away:
                    log.warning("ledger.away", reason=reason, error=str(error))
                away = True
                await asyncio.sleep(RETRY_SECONDS)

    def _tell(self, epoch: Epoch, revisions: Collection[Revision]) -> None:
        """Tell of changes that the ledger itself told of."""
        trail = self._metrics.trail
        if trail:
            trail.read(epoch, revisions, trail.now())

    def _keep(self, kept: Kept) -> None:
        for problem in kept.unreadable:
            log.warning("object.unreadable", key=problem.key, error=problem.message)

    def _publish(self) -> None:
        """Let everyone see, soon, the mesh at the place the detector has reached."""
        if self._detector.epoch is not None:
            self._metrics.convergence.knew(self._detector.position)
            self._rounds.due()

    def _show(self) -> None:
        epoch, revision = self._detector.epoch, self._detector.position
        assert epoch is not None  # noqa: S101 - what is due was read
        made = self._stored.mesh.at(epoch, revision)
        gone = {} if self._looked else vanished(self._mesh.value, made)
        if gone:
            self._hold(gone)
            return
        self._held, self._looked = False, False
        self._mesh.set(made)
        self._metrics.revision.set(revision)

    def _hold(self, gone: Mapping[str, int]) -> None:
        """Show nobody that so much vanished before a second look says the same.

        A ledger that was emptied stays so; a source that stumbled has it all again. As
        long as it does not answer at all, what there was is right.
        """
        if not self._held:
            self._held = True
            self._metrics.shrinks.inc()
            log.warning(
                "mesh.shrunk", gone=dict(gone), revision=self._detector.position
            )
            self._doubts.set()
