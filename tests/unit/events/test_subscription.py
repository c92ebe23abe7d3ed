from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

from meltemi.events import Present, Update, subscribe, subscription
from meltemi.events.change import Heartbeat
from meltemi.events.codec import encode_beat, encode_change
from meltemi.galley.changes import Chain
from meltemi.store.ports import Write
from meltemi.testkit.fakes.bus import MemoryBus
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

PREFIX = "/mesh/v1/default/"
RULES = f"{PREFIX}destinationrules.networking.istio.io/default/"


class Mesh:
    """A ledger, a relay that may lose what it rings, and a subscriber."""

    def __init__(self) -> None:
        self.ledger, self.bus = MemoryLedger(), MemoryBus()
        self.chain = Chain()
        self.heard: list[Update] = []
        self.state: dict[str, bytes] = {}
        self.listings = 0

    async def present(self) -> Present:
        self.listings += 1
        listing = await self.ledger.list(PREFIX)
        found = {e.key: (e.revision, e.value) for e in listing.entries}
        return Present(listing.epoch, listing.revision, found)

    async def write(self, name: str, value: bytes | None, *, rung: bool = True) -> None:
        start = self.ledger.head
        await self.ledger.commit([Write(RULES + name, value)])
        for step in self.ledger._history:
            if step.revision > start:
                for change in self.chain.step(step):
                    if rung:
                        await self.bus.publish(encode_change(change))

    async def beat(self) -> None:
        beat = Heartbeat(self.ledger.epoch, self.chain.head, "relay")
        await self.bus.publish(encode_beat("default", beat))

    async def follow(self) -> None:
        async with subscribe(self.bus, self.present) as updates:
            async for update in updates:
                self.heard.append(update)
                if update.value is None:
                    del self.state[update.ledger_key]
                else:
                    self.state[update.ledger_key] = update.value

    async def truth(self) -> dict[str, bytes]:
        listing = await self.ledger.list(PREFIX)
        return {entry.key: entry.value for entry in listing.entries}


@contextlib.asynccontextmanager
async def following(mesh: Mesh) -> AsyncIterator[None]:
    mesh.chain.begin(await mesh.ledger.list(PREFIX))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(mesh.follow())
        await until(lambda: mesh.listings > 0 and mesh.bus.listeners == 2)
        yield
        running.cancel()


async def test_what_is_there_comes_first_then_each_change_once() -> None:
    mesh = Mesh()
    await mesh.write("a", b"1")
    async with following(mesh):
        await mesh.write("a", b"2")
        await mesh.bus.publish(mesh.bus.published[-1])
        await mesh.write("b", b"1")
        await mesh.write("a", None)
        await until(lambda: len(mesh.heard) == 4)
    assert [(each.ledger_key[-1], each.value) for each in mesh.heard] == [
        ("a", b"1"),
        ("a", b"2"),
        ("b", b"1"),
        ("a", None),
    ]
    assert mesh.listings == 1


async def test_whatever_the_doorbell_loses_the_end_is_the_same() -> None:
    mesh, rng = Mesh(), Random(3)  # noqa: S311 - a test that repeats itself
    async with following(mesh):
        for number in range(300):
            value = None if rng.random() < 0.2 else b"%d" % number
            await mesh.write(rng.choice("abcde"), value, rung=rng.random() < 0.7)
            if number % 10 == 0:
                await mesh.beat()
                await asyncio.sleep(0)
        await mesh.beat()
        await mesh.beat()
        expected = await mesh.truth()
        await until(lambda: mesh.state == expected)
    revisions = [(each.ledger_key, each.revision) for each in mesh.heard]
    assert len(revisions) == len(set(revisions)), "nothing is told twice"


async def test_a_silent_doorbell_and_an_absent_ledger_delay_but_lose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(subscription, "RETRY_SECONDS", 0.01)
    mesh = Mesh()
    async with following(mesh):
        await mesh.write("a", b"1", rung=False)
        await until(lambda: bool(mesh.state))
        mesh.ledger.available = False
        tried = mesh.listings
        await until(lambda: mesh.listings > tried + 2)
        mesh.ledger.recover()
        await mesh.write("a", b"2", rung=False)
        expected = await mesh.truth()
        await until(lambda: mesh.state == expected)


async def test_another_ledger_is_taken_over_whole() -> None:
    mesh = Mesh()
    await mesh.write("a", b"1")
    await mesh.write("b", b"1")
    async with following(mesh):
        await until(lambda: len(mesh.state) == 2)
        mesh.ledger.replace("beef")
        await mesh.ledger.commit([Write(RULES + "a", None)])
        mesh.chain.catch_up(await mesh.ledger.list(PREFIX))
        await mesh.beat()
        expected = await mesh.truth()
        await until(lambda: mesh.state == expected)
