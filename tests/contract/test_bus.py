"""What any doorbell promises: kept by the NATS adapter and by the fake alike."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

import pytest
import uvloop

from meltemi.bus.nats import NatsBus
from meltemi.bus.ports import Message
from meltemi.testkit.fakes.bus import MemoryBus
from meltemi.testkit.processes import NatsServer, nats_server
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

pytestmark = pytest.mark.timeout(60)


class Bus(Protocol):
    @property
    def connected(self) -> bool: ...
    async def publish(self, message: Message) -> bool: ...
    def subscribe(self, subject: str) -> AsyncGenerator[Message]: ...


class Doorbell(Protocol):
    """A bus whose server can be taken away."""

    bus: Bus

    async def kill(self) -> None: ...
    async def restart(self) -> None: ...


class MemoryDoorbell:
    def __init__(self) -> None:
        self.memory = MemoryBus()
        self.bus: Bus = self.memory

    async def kill(self) -> None:
        self.memory.connected = False

    async def restart(self) -> None:
        self.memory.connected = True


class NatsDoorbell:
    def __init__(self, server: NatsServer, bus: NatsBus) -> None:
        self.server = server
        self.bus: Bus = bus

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.program.kill)
        await until(lambda: not self.bus.connected)

    async def restart(self) -> None:
        await asyncio.to_thread(self.server.program.start)


@pytest.fixture(scope="module")
def nats() -> Iterator[NatsServer]:
    with nats_server() as server:
        yield server


@pytest.fixture(params=["memory", "nats"])
async def doorbell(request: pytest.FixtureRequest) -> AsyncIterator[Doorbell]:
    if request.param == "memory":
        yield MemoryDoorbell()
        return
    server: NatsServer = request.getfixturevalue("nats")
    async with NatsBus(server.url) as bus:
        await until(lambda: bus.connected)
        yield NatsDoorbell(server, bus)


async def heard(bus: Bus, listening: AsyncGenerator[Message], subject: str) -> Message:
    """Ring until it is heard: a subscription takes a moment to stand."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(anext(listening))
        while not answer.done():
            await bus.publish(Message(subject, {"Mesh-Revision": "7"}, b"x"))
            await asyncio.sleep(0.01)
        return await answer


async def test_a_message_arrives_whole_at_those_who_asked_for_its_subject(
    doorbell: Doorbell,
) -> None:
    async with aclosing(doorbell.bus.subscribe("mesh.*.v1.>")) as listening:
        message = await heard(doorbell.bus, listening, "mesh.cfg.v1.a.b.c.example.com")

    assert message.subject == "mesh.cfg.v1.a.b.c.example.com", "names may have dots"
    assert dict(message.headers) == {"Mesh-Revision": "7"}
    assert message.body == b"x"


async def test_other_subjects_are_not_heard(doorbell: Doorbell) -> None:
    async with aclosing(doorbell.bus.subscribe("mesh.beat.v1.a")) as listening:
        await heard(doorbell.bus, listening, "mesh.beat.v1.a")
        await doorbell.bus.publish(Message("mesh.beat.v1.b"))
        await doorbell.bus.publish(Message("mesh.beat.v1.a", body=b"last"))
        async with asyncio.timeout(20):
            async for message in listening:
                assert message.subject == "mesh.beat.v1.a"
                if message.body == b"last":
                    return


async def test_subscriptions_survive_a_server_that_dies_and_comes_back(
    doorbell: Doorbell,
) -> None:
    async with aclosing(doorbell.bus.subscribe("mesh.>")) as listening:
        await heard(doorbell.bus, listening, "mesh.one")
        for _ in range(3):
            await doorbell.kill()
            assert await doorbell.bus.publish(Message("mesh.lost")) is False
            await doorbell.restart()
            await until(lambda: doorbell.bus.connected)
            async with asyncio.timeout(20):
                while (
                    await heard(doorbell.bus, listening, "mesh.two")
                ).subject != "mesh.two":
                    continue


async def test_a_slow_reader_loses_the_oldest(doorbell: Doorbell) -> None:
    async with aclosing(doorbell.bus.subscribe("mesh.>")) as listening:
        await heard(doorbell.bus, listening, "mesh.hello")
        for number in range(6000):
            await doorbell.bus.publish(Message("mesh.n", body=b"%d" % number))
        bodies: list[bytes] = []
        async with asyncio.timeout(20):
            async for message in listening:
                bodies += [message.body] if message.subject == "mesh.n" else []
                if message.body == b"5999":
                    break

    assert len(bodies) <= 6000
    assert bodies == sorted(bodies, key=int)


@pytest.mark.parametrize("microseconds", range(0, 5000, 250))
def test_a_service_that_fails_while_it_connects_ends(
    nats: NatsServer, microseconds: int
) -> None:
    """On uvloop, as services run: a lost cancellation kept one up for ever."""

    async def failing() -> None:
        async with asyncio.timeout(5), NatsBus(nats.url):
            await asyncio.sleep(microseconds / 1e6)
            raise LookupError

    with (
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        pytest.raises(LookupError),
    ):
        runner.run(failing())
