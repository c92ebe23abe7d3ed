from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from meltemi.events.codec import decode_beat, decode_change
from meltemi.galley import relay
from meltemi.galley.metrics import Metrics
from meltemi.galley.relay import Relay
from meltemi.galley.rung import Rung
from meltemi.kernel.names import Revision
from meltemi.store.ports import Write
from meltemi.testkit.fakes.bus import MemoryBus
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from meltemi.events.change import Change, Heartbeat

RULES = "/mesh/v1/default/destinationrules.networking.istio.io/default/"


@contextlib.asynccontextmanager
async def relaying(
    ledger: MemoryLedger, bus: MemoryBus, name: str = "galley-0"
) -> AsyncIterator[Relay]:
    made = Relay(ledger, bus, Metrics(), mesh="default", name=name)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.run())
        try:
            await until(lambda: made.following or not ledger.available)
            yield made
        finally:
            running.cancel()


def changes(bus: MemoryBus) -> list[Change]:
    return [
        decode_change(message)
        for message in bus.published
        if message.subject.startswith("mesh.cfg.")
    ]


def beats(bus: MemoryBus) -> list[Heartbeat]:
    return [
        decode_beat(message)
        for message in bus.published
        if message.subject == "mesh.beat.v1.default"
    ]


async def write(ledger: MemoryLedger, name: str, value: bytes | None) -> Revision:
    return await ledger.commit([Write(RULES + name, value)])


async def test_every_change_is_rung_once_with_its_predecessor() -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    first = await write(ledger, "a", b"1")
    async with relaying(ledger, bus):
        second = await write(ledger, "a", b"2")
        await ledger.commit([Write("/mesh/runtime/v1/default/pilots/p", b"x")])
        third = await write(ledger, "a", None)
        await until(lambda: len(changes(bus)) == 2)
    assert [
        (each.previous, each.revision, each.operation, each.value)
        for each in changes(bus)
    ] == [(first, second, "updated", b"2"), (second, third, "deleted", None)]


async def test_two_relays_tell_the_same() -> None:
    ledger, one, two = MemoryLedger(), MemoryBus(), MemoryBus()
    await write(ledger, "a", b"1")
    await write(ledger, "b", b"1")
    await write(ledger, "b", None)
    async with relaying(ledger, one), relaying(ledger, two):
        await write(ledger, "c", b"1")
        await until(lambda: {"c"} <= names(one) & names(two))
    assert changes(one) == changes(two)


def names(bus: MemoryBus) -> set[str]:
    return {each.ledger_key.rpartition("/")[2] for each in changes(bus)}


async def test_the_beat_names_the_newest_change() -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    await write(ledger, "a", b"1")
    async with relaying(ledger, bus):
        newest = await write(ledger, "b", b"1")
        await until(lambda: any(beat.head == newest for beat in beats(bus)))
    assert {beat.relay for beat in beats(bus)} == {"galley-0"}


async def test_a_relay_without_a_ledger_does_not_pretend_to_listen() -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    ledger.available = False
    async with relaying(ledger, bus) as made:
        assert not made.following
        assert bus.published == []
        ledger.recover()
        await until(lambda: beats(bus) != [])


async def test_after_compaction_what_was_missed_is_rung() -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    await write(ledger, "gone", b"1")
    await write(ledger, "kept", b"1")
    async with relaying(ledger, bus):
        # the fake never suspends: the watch wakes up when its place is compacted
        await write(ledger, "gone", None)
        last = await write(ledger, "new", b"1")
        await ledger.compact(Revision(last + 1))
        await until(lambda: len(changes(bus)) == 2)
    assert {
        (each.ledger_key.rpartition("/")[2], each.operation) for each in changes(bus)
    } == {("gone", "deleted"), ("new", "created")}


async def test_a_replaced_ledger_is_told_whole() -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    await write(ledger, "a", b"1")
    async with relaying(ledger, bus):
        ledger.replace("beef")
        await until(lambda: len(changes(bus)) == 1)
        await until(lambda: any(beat.epoch == "beef" for beat in beats(bus)))
    assert changes(bus)[0].epoch == "beef"


async def test_a_bus_that_is_away_stops_nothing() -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    await write(ledger, "a", b"1")
    bus.connected = False
    async with relaying(ledger, bus) as made:
        await write(ledger, "b", b"1")
        await until(lambda: made.following)
        bus.connected = True
        last = await write(ledger, "c", b"1")
        await until(lambda: any(each.revision == last for each in changes(bus)))
    (change,) = [each for each in changes(bus) if each.revision == last]
    assert change.previous == last - 1, "the gap shows"


@contextlib.asynccontextmanager
async def kept(
    ledger: MemoryLedger, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Relay]:
    """Relay until the ledger knows that everything was rung."""
    monkeypatch.setattr(relay, "BEAT_SECONDS", 0.01)
    async with relaying(ledger, bus) as made:
        yield made
        told = (await ledger.list("/mesh/v1/")).entries
        newest = max((each.revision for each in told), default=0)
        rung = Rung(ledger, "default")

        async def is_kept() -> bool:
            return (await rung.read(ledger.epoch) or 0) >= newest

        while not await is_kept():  # noqa: ASYNC110 - the ledger has no event for it
            await asyncio.sleep(0.01)


async def test_what_the_only_relay_did_not_live_to_ring_the_next_one_rings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    await write(ledger, "old", b"1")
    async with kept(ledger, bus, monkeypatch):
        first = await write(ledger, "a", b"1")
    heard = len(changes(bus))
    missed = [
        await write(ledger, "a", b"2"),
        await write(ledger, "b", b"1"),
        await write(ledger, "old", None),
    ]
    async with relaying(ledger, bus, "next") as made:
        await until(lambda: len(changes(bus)) == heard + 3)
        last = await write(ledger, "b", b"2")
        await until(lambda: len(changes(bus)) == heard + 4)
        seen = made.mirror.get(f"{RULES}b")
    told = changes(bus)[heard:]
    assert [each.revision for each in told] == [*missed, last]
    assert [each.previous for each in told] == [first, *missed]
    words = [each.operation for each in told]
    assert words == ["updated", "created", "deleted", "updated"]
    assert seen is not None
    assert seen.revision == last, "the mirror is not taken back by old news"


async def test_what_was_missed_is_rung_although_its_history_is_compacted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    await write(ledger, "old", b"1")
    async with kept(ledger, bus, monkeypatch):
        await write(ledger, "a", b"1")
    heard = len(changes(bus))
    await write(ledger, "a", b"2")
    last = await write(ledger, "b", b"1")
    await ledger.compact(Revision(last + 1))
    async with relaying(ledger, bus, "next"):
        await until(lambda: len(changes(bus)) == heard + 2)
    told = changes(bus)[heard:]
    assert [(each.ledger_key[-1], each.operation) for each in told] == [
        ("a", "updated"),
        ("b", "created"),
    ]


async def test_what_was_missed_waits_for_the_bus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    async with kept(ledger, bus, monkeypatch):
        await write(ledger, "a", b"1")
    heard = len(changes(bus))
    missed = await write(ledger, "a", b"2")
    bus.connected = False
    async with relaying(ledger, bus, "next"):
        bus.connected = True
        await until(lambda: len(changes(bus)) > heard)
    assert [each.revision for each in changes(bus)[heard:]] == [missed]


async def test_another_ledgers_place_is_none_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger, bus = MemoryLedger(), MemoryBus()
    async with kept(ledger, bus, monkeypatch):
        await write(ledger, "a", b"1")
    heard = len(changes(bus))
    await write(ledger, "a", b"2")
    ledger.replace("beef")
    async with relaying(ledger, bus, "next"):
        last = await write(ledger, "a", b"3")
        await until(lambda: len(changes(bus)) > heard)
    assert [each.revision for each in changes(bus)[heard:]] == [last]
