"""Large messages on the way in, from clients that go on, are slow, or leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import grpc
import hpack
import pytest

from meltemi.http2.frame import PREFACE, Flag, Kind, frame, settings
from meltemi.http2.message import HEAD_BYTES, message_head
from meltemi.http2.stream import WINDOW
from meltemi.pilot.adapters import ads, intake
from meltemi.pilot.adapters.ads import first_word
from meltemi.pilot.adapters.http2_server import serving_http2
from meltemi.pilot.adapters.intake import HOLD_SECONDS, ROOM
from meltemi.runtime.settings import Address
from meltemi.testkit.http2_client import cut, reader
from meltemi.testkit.processes import free_port
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from meltemi.http2.frame import Frame
    from meltemi.pilot.adapters.call import Call

ECHO = "/a.Service/Echo"
SOON = 10.0


async def echo(call: Call) -> None:
    while (message := await call.read()) is not None:
        await call.write((message, b"!"))


async def said(channel: grpc.aio.Channel, message: bytes) -> bytes:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ECHO)
    return await method(message, timeout=SOON)


class Sender:
    """A client with a message of which two fit into the room for large ones."""

    body = bytes(ROOM // 2 - HEAD_BYTES)
    _head = message_head(len(body)) + body[: WINDOW - HEAD_BYTES]

    def __init__(
        self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter
    ) -> None:
        self._reading, self._writing, self._frames = reading, writing, reader()

    @classmethod
    async def connected(cls, address: Address) -> Self:
        return cls(*await asyncio.open_connection(address.host, address.port))

    def begin(self, streams: int = 1) -> None:
        """Send as much of each of so many messages as may be sent unasked."""
        self._writing.write(PREFACE + settings({}))
        encoder = hpack.Encoder()
        for stream in range(1, 2 * streams, 2):
            block = encoder.encode(
                [(":path", ECHO), ("content-type", "application/grpc")]
            )
            self._writing.write(frame(Kind.HEADERS, block, Flag.END_HEADERS, stream))
            self._send(self._head, stream)

    async def let_in(self) -> Self:
        """Wait until the rest may be sent."""
        rest = len(self.body) + HEAD_BYTES - WINDOW
        while rest > 0:
            for each in await self._heard():
                if each.kind == Kind.WINDOW_UPDATE and each.stream:
                    rest -= int.from_bytes(each.payload, "big")
        return self

    async def finish(self, *, answered: bool = True, begin: bool = False) -> None:
        """Send the rest, and wait until the answer begins, or ``begin`` another."""
        rest = self.body[WINDOW - HEAD_BYTES :]
        self._send(rest + self._head if begin else rest)
        await self._writing.drain()
        while answered and all(each.kind != Kind.DATA for each in await self._heard()):
            pass

    def leave(self) -> None:
        self._writing.transport.abort()

    async def ended(self) -> None:
        """Wait until the call has ended."""
        while all(each.kind != Kind.RST_STREAM for each in await self._heard()):
            pass

    def _send(self, data: bytes, stream: int = 1) -> None:
        self._writing.writelines(cut(data, stream, Flag.NONE))

    async def _heard(self) -> list[Frame]:
        return list(self._frames.frames(await self._reading.read(1 << 16)))


async def test_of_large_messages_as_many_are_let_in_as_there_is_room_for() -> None:
    address = Address("127.0.0.1", free_port())
    handlers = {ECHO: echo}
    async with (
        serving_http2(handlers, address, largest_message=len(Sender.body)),
        grpc.aio.insecure_channel(str(address)) as channel,
        asyncio.timeout(HOLD_SECONDS - 1),
        asyncio.TaskGroup() as tasks,
    ):
        waiting = set[asyncio.Task[Sender]]()
        for _ in range(4):
            sender = await Sender.connected(address)
            sender.begin()
            waiting.add(tasks.create_task(sender.let_in()))
        first, waiting = await _let_in(waiting, 2)
        assert await said(channel, b"small ones pass") == b"small ones pass!"
        assert not any(each.done() for each in waiting), "there is no room for them"
        await first[0].finish()
        second, waiting = await _let_in(waiting, 1)
        first[1].leave()
        third, _ = await _let_in(waiting, 1)
        for each in (first[0], *second, *third):
            each.leave()


async def test_who_sends_many_large_messages_holds_up_nobody() -> None:
    address = Address("127.0.0.1", free_port())
    async with (
        serving_http2({ECHO: echo}, address, largest_message=len(Sender.body)),
        asyncio.timeout(HOLD_SECONDS - 1),
    ):
        many, other = await Sender.connected(address), await Sender.connected(address)
        many.begin(streams=20)
        await many.let_in()
        other.begin()
        await other.let_in()
        await other.finish()
        many.leave()
        other.leave()


async def test_who_has_sent_a_large_message_takes_no_more_room() -> None:
    address, heard = Address("127.0.0.1", free_port()), asyncio.Event()

    async def swallow(call: Call) -> None:
        while await call.read() is not None:
            heard.set()

    async with (
        serving_http2({ECHO: swallow}, address, largest_message=len(Sender.body)),
        asyncio.timeout(HOLD_SECONDS - 1),
    ):
        senders = [await Sender.connected(address) for _ in range(3)]
        senders[0].begin()
        await senders[0].let_in()
        await senders[0].finish(answered=False)
        await heard.wait()
        for each in senders[1:]:
            each.begin()
            await each.let_in()
        for each in senders:
            each.leave()


async def test_large_messages_come_one_after_the_other() -> None:
    address, heard = Address("127.0.0.1", free_port()), list[int]()

    async def counting(call: Call) -> None:
        while (message := await call.read()) is not None:
            heard.append(len(message))

    async with (
        serving_http2({ECHO: counting}, address, largest_message=len(Sender.body)),
        asyncio.timeout(HOLD_SECONDS - 1),
    ):
        sender = await Sender.connected(address)
        sender.begin()
        await sender.let_in()
        await sender.finish(answered=False, begin=True)
        await sender.let_in()
        await sender.finish(answered=False)
        await until(lambda: heard == 2 * [len(Sender.body)])
        sender.leave()


async def test_a_large_message_that_does_not_come_to_its_end_ends_its_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "HOLD_SECONDS", 0.01)
    monkeypatch.setattr(intake, "LONGEST_SECONDS", 0.02)
    address = Address("127.0.0.1", free_port())
    handlers = {ECHO: echo}
    async with (
        serving_http2(handlers, address, largest_message=len(Sender.body)),
        asyncio.timeout(SOON),
    ):
        sender = await Sender.connected(address)
        sender.begin()
        await sender.ended()
        sender.leave()
        async with grpc.aio.insecure_channel(str(address)) as channel:
            assert await said(channel, b"on") == b"on!"


async def test_waiting_for_room_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = asyncio.Event()

    async def listening(call: Call) -> None:
        assert await first_word(call) == Sender.body
        heard.set()

    monkeypatch.setattr(ads, "FIRST_WORD_SECONDS", 0.01)
    address = Address("127.0.0.1", free_port())
    async with (
        serving_http2({ECHO: listening}, address, largest_message=len(Sender.body)),
        asyncio.timeout(SOON),
    ):
        ahead = [await Sender.connected(address) for _ in range(2)]
        for each in ahead:
            each.begin()
            await each.let_in()
        sender = await Sender.connected(address)
        sender.begin()
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await sender.let_in()
        for each in ahead:
            each.leave()
        await sender.let_in()
        await sender.finish(answered=False)
        await heard.wait()
        sender.leave()


async def _let_in(
    waiting: set[asyncio.Task[Sender]], many: int
) -> tuple[list[Sender], set[asyncio.Task[Sender]]]:
    """Wait until ``many`` more are let in; return them, and those that wait still."""
    done = set[asyncio.Task[Sender]]()
    while len(done) < many:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    return [each.result() for each in done], waiting
