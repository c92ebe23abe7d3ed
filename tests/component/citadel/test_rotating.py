"""Replicas of Citadel that share one ledger while the root is replaced."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from meltemi.citadel.adapters.safe import StateSafe
from meltemi.citadel.adapters.state import AUTHORITY_FILE, Store
from meltemi.citadel.issue import Template
from meltemi.citadel.rotation.record import (
    Phase,
    Record,
    RotationError,
    Waits,
    begun,
    tainted,
)
from meltemi.citadel.sealing import Sealed
from meltemi.citadel.signed import BadIssueError, check_signed
from meltemi.citadel.signer import SignerUnavailableError, obtain
from meltemi.citadel.signers.rotating import RotatingSigner, pilots_prefix, record_key
from meltemi.config.trust_domains import MeshDomains
from meltemi.identity.keys import new_key
from meltemi.identity.trust import TrustBundle, trust_key
from meltemi.kernel.clock import SystemClock
from meltemi.store.ports import ConflictError, Write
from meltemi.testkit.authority import REVIEWS
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from meltemi.kernel.names import Revision

CLOCK = SystemClock()
AT_ONCE = Waits(distribute=timedelta(0), drain=timedelta(0))
PATIENT = Waits(distribute=timedelta(hours=1), drain=timedelta(hours=1))


def replica(
    folder: Path, ledger: MemoryLedger, waits: Waits = AT_ONCE
) -> RotatingSigner:
    safe = StateSafe(Store(folder), MeshDomains("cluster.local"), CLOCK)
    safe.sealed()
    return RotatingSigner(ledger, "default", safe, waits, CLOCK)


@contextlib.asynccontextmanager
async def tending(*signers: RotatingSigner) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.tend()) for each in signers]
        await until(lambda: all(each.roots for each in signers))
        yield
        for task in running:
            task.cancel()


async def signed_by(signer: RotatingSigner) -> int:
    template = Template(REVIEWS, new_key().public_key(), timedelta(hours=1))
    await obtain(signer, template, CLOCK)
    return signer.stand.record.active


async def all_hold(ledger: MemoryLedger, version: str) -> None:
    entry = msgspec.json.encode({"name": "pilot-0", "trust": version})
    await ledger.commit([Write(f"{pilots_prefix('default')}pilot-0", entry)])


async def in_ledger(ledger: MemoryLedger) -> TrustBundle:
    entry = await ledger.get(trust_key("default"))
    assert entry
    return TrustBundle.decode(entry.value)


async def test_a_root_is_replaced_and_every_replica_follows(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    one, two = replica(tmp_path, ledger), replica(tmp_path, ledger)
    async with tending(one, two):
        old = one.roots
        assert two.roots == old
        assert await in_ledger(ledger) == TrustBundle.of(old)
        await one.replace_root(lambda record, new: begun(record, new, CLOCK.now()))
        await until(lambda: len(two.roots) == 2)
        assert await signed_by(two) == 1, "nobody said that the proxies hold the bundle"
        await all_hold(ledger, (await in_ledger(ledger)).version)
        await until(lambda: two.stand.record.active == 2)
        assert await signed_by(one) == 2
        await until(lambda: two.stand.record.phase is Phase.STEADY)
        assert not set(two.roots) & set(old)
        assert await in_ledger(ledger) == TrustBundle.of(two.roots)


async def test_a_replica_that_starts_in_the_midst_goes_on(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    gone = replica(tmp_path, ledger, PATIENT)
    async with tending(gone):
        await gone.replace_root(lambda record, new: begun(record, new, CLOCK.now()))
        await until(lambda: len(gone.roots) == 2)
    heir = replica(tmp_path, ledger)
    await all_hold(ledger, (await in_ledger(ledger)).version)
    async with tending(heir):
        await until(lambda: heir.stand.record.phase is Phase.STEADY)
        assert await signed_by(heir) == 2
    again = replica(tmp_path, ledger)
    async with tending(again):
        assert again.roots == heir.roots


async def test_case_32_of_two_that_take_the_same_step_one_succeeds(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    one = replica(tmp_path, ledger, PATIENT)
    async with tending(one):
        stale = one.stand
        await one.replace_root(lambda record, new: begun(record, new, CLOCK.now()))
        with pytest.raises(ConflictError):
            await one.commit(stale.record, stale.revision)
        with pytest.raises(RotationError, match="under way"):
            await one.replace_root(lambda record, new: begun(record, new, CLOCK.now()))


class DiedError(Exception):
    """The process ends here."""


class Deadly(MemoryLedger):
    """A ledger at which its caller dies, at one of its writes of the record.

    ``behind`` says that the write is done by then.
    """

    def __init__(self, at: int, *, behind: bool) -> None:
        super().__init__()
        self._left, self._behind = at, behind
        self.records: list[Record] = []

    async def commit(self, writes: Sequence[Write]) -> Revision:
        of_record = [each for each in writes if each.key == record_key("default")]
        self._left -= len(of_record)
        dies = bool(of_record) and self._left == 0
        if dies and not self._behind:
            raise DiedError
        revision = await super().commit(writes)
        self.records += [Record.decode(each.value or b"") for each in of_record]
        if dies:
            raise DiedError
        return revision


async def lives(signer: RotatingSigner, ledger: Deadly) -> bool:
    """Have one replica replace the root; return False if it dies of it."""
    survived = True
    try:
        async with asyncio.TaskGroup() as tasks:
            tending = tasks.create_task(signer.tend())
            await until(lambda: bool(signer.roots))
            if signer.stand.record.newest == 1:
                await signer.replace_root(lambda old, new: begun(old, new, CLOCK.now()))
            while signer.stand.record.phase is not Phase.STEADY:
                await all_hold(ledger, signer.stand.bundle.version)
                await asyncio.sleep(0)
            tending.cancel()
    except* DiedError:
        survived = False
    return survived


STEPS = ("made", "begun", "distributed", "activated", "retired")


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("step", STEPS)
async def test_case_21_a_death_at_any_step_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, *, behind: bool
) -> None:
    monkeypatch.setattr("meltemi.citadel.signers.rotating.POLL_SECONDS", 0.01)
    ledger = Deadly(STEPS.index(step) + 1, behind=behind)
    assert not await lives(replica(tmp_path, ledger), ledger)
    heir = replica(tmp_path, ledger)
    assert await lives(heir, ledger)
    phases = [each.phase for each in ledger.records]
    assert phases == [
        Phase.STEADY,
        Phase.PREPARE,
        Phase.DISTRIBUTE,
        Phase.DRAIN,
        Phase.STEADY,
    ], "each step was taken, and once"
    assert [each.generation for each in ledger.records[-1].sealed] == [2]
    assert await signed_by(heir) == 2
    kept = Store(tmp_path).directory / AUTHORITY_FILE
    assert Sealed.decode(kept.read_bytes()).generation == 2, "no key is left behind"


async def test_case_20_replicas_that_disagree_who_signs_are_both_believed(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    draining = Waits(distribute=timedelta(0), drain=timedelta(hours=1))
    quick, late = (replica(tmp_path, ledger, draining) for _ in range(2))
    async with tending(quick):
        async with tending(late):
            await quick.replace_root(
                lambda record, new: begun(record, new, CLOCK.now())
            )
            await until(lambda: len(late.roots) == 2)
        await all_hold(ledger, (await in_ledger(ledger)).version)
        await until(lambda: quick.stand.record.active == 2)
        template = Template(REVIEWS, new_key().public_key(), timedelta(hours=1))
        made = [await each.sign(template) for each in (quick, late)]
        assert late.stand.record.active == 1, "it has not heard of it"
        with pytest.raises(BadIssueError):
            check_signed(made[1], template, quick.roots[:1], now=CLOCK.now())
        for signed in made:
            for believer in (quick, late):
                check_signed(signed, template, believer.roots, now=CLOCK.now())


async def test_a_tainted_root_is_left_without_waiting(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    one = replica(tmp_path, ledger, PATIENT)
    async with tending(one):
        await one.replace_root(lambda record, new: begun(record, new, CLOCK.now()))
        await until(lambda: len(one.roots) == 2)
        await all_hold(ledger, one.stand.bundle.version)
        await one.change(lambda record: tainted(record, CLOCK.now()))
        await until(lambda: one.stand.record.active == 2)


async def test_keys_are_sealed_in_the_ledger(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    async with tending(replica(tmp_path, ledger)):
        entry = await ledger.get(record_key("default"))
    assert entry
    assert b"PRIVATE" not in entry.value
    assert Record.decode(entry.value).signing.key


async def test_case_28_with_another_encryption_key_nothing_is_signed(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    async with tending(replica(tmp_path / "one", ledger)):
        pass
    stranger = replica(tmp_path / "two", ledger)
    before = await ledger.get(record_key("default"))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(stranger.tend())
        await until(lambda: "does not open" in (stranger.trouble or ""))
        running.cancel()
    with pytest.raises(SignerUnavailableError, match="does not open"):
        await signed_by(stranger)
    assert await ledger.get(record_key("default")) == before, "and nothing is replaced"


async def test_a_root_is_distributed_when_the_last_pilot_says_so(
    tmp_path: Path,
) -> None:
    ledger = MemoryLedger()
    signer = replica(tmp_path, ledger)
    async with tending(signer):
        version = signer.stand.bundle.version
        assert not await signer.distributed(), "nobody says so"
        await all_hold(ledger, version)
        assert await signer.distributed()
        late = msgspec.json.encode({"name": "pilot-1", "trust": "another"})
        await ledger.commit([Write(f"{pilots_prefix('default')}pilot-1", late)])
        assert not await signer.distributed()
