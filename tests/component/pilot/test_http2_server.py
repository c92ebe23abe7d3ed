"""Our own server of calls, and gRPC's client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import grpc
import hpack
import pytest

from meltemi.http2.frame import (
    LARGEST_WINDOW,
    PREFACE,
    Flag,
    Kind,
    Setting,
    frame,
    settings,
)
from meltemi.http2.message import HEAD_BYTES, message_head
from meltemi.http2.stream import WINDOW
from meltemi.pilot.adapters.http2_call import (
    MOST_AT_ONCE,
    PING_SECONDS,
    PONG_SECONDS,
    Http2Protocol,
)
from meltemi.pilot.adapters.http2_server import serving_http2
from meltemi.pilot.adapters.intake import HOLD_SECONDS, ROOM, Intake
from meltemi.runtime.http import AddressInUseError
from meltemi.runtime.settings import Address
from meltemi.testkit.http2_client import cut, reader
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from meltemi.http2.frame import Frame
    from meltemi.pilot.adapters.call import Call

LARGEST = 1 << 20
ECHO, BUG, MUCH = "/a.Service/Echo", "/a.Service/Bug", "/a.Service/Much"
PIECE = bytes(1 << 20)
PIECES = 64


class Service:
    """Calls that go well, end in a bug, or send more than anybody reads."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = asyncio.Event()

    async def echo(self, call: Call) -> None:
        while (message := await call.read()) is not None:
            await call.write((message, b"!"))

    async def bug(self, call: Call) -> None:
        await call.read()
        raise ZeroDivisionError

    async def much(self, call: Call) -> None:
        try:
            for _ in range(PIECES):
                await call.write((PIECE,))
                self.sent += 1
        finally:
            self.ended.set()


@pytest.fixture
async def served() -> AsyncIterator[tuple[Service, grpc.aio.Channel]]:
    service, address = Service(), Address("127.0.0.1", free_port())
    handlers = {ECHO: service.echo, BUG: service.bug, MUCH: service.much}
    options = [("grpc.max_receive_message_length", -1)]
    async with serving_http2(handlers, address, largest_message=LARGEST):
        async with grpc.aio.insecure_channel(str(address), options) as channel:
            yield service, channel
        with pytest.raises(AddressInUseError):
            async with serving_http2(handlers, address, largest_message=LARGEST):
                pass


async def said(channel: grpc.aio.Channel, path: str, message: bytes) -> bytes:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    return await method(message, timeout=10)


async def status(channel: grpc.aio.Channel, path: str) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await said(channel, path, b"x")
    return failure.value.code()


async def test_a_bug_ends_its_call_and_the_others_go_on(
    served: tuple[Service, grpc.aio.Channel],
) -> None:
    _, channel = served
    stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
        ECHO
    )
    call = stream()
    await call.write(b"one")
    assert await call.read() == b"one!"
    assert await status(channel, BUG) is grpc.StatusCode.INTERNAL
    assert await status(channel, "/a.Service/No") is grpc.StatusCode.UNIMPLEMENTED
    await call.write(b"two")
    assert await call.read() == b"two!"
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_who_does_not_read_is_sent_no_more_than_there_is_room_for(
    served: tuple[Service, grpc.aio.Channel],
) -> None:
    service, channel = served
    stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(MUCH)
    call = stream(b"")
    await call.initial_metadata()
    assert await said(channel, ECHO, b"others are served") == b"others are served!"
    assert service.sent < PIECES // 2
    call.cancel()
    async with asyncio.timeout(10):
        await service.ended.wait()
    assert service.sent < PIECES // 2, "nobody waits for room any more"


async def test_all_of_a_large_answer_comes(
    served: tuple[Service, grpc.aio.Channel],
) -> None:
    service, channel = served
    stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(MUCH)
    assert [len(each) async for each in stream(b"")] == [len(PIECE)] * PIECES
    assert service.sent == PIECES


class Sender:
    """A client with a message of which two fit into the room for large ones."""

    body = bytes(ROOM // 2 - HEAD_BYTES)

    def __init__(
        self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter
    ) -> None:
        self._reading, self._writing, self._frames = reading, writing, reader()

    async def begin(self) -> None:
        """Send as much as may be sent unasked."""
        block = hpack.Encoder().encode(
            [(":path", ECHO), ("content-type", "application/grpc")]
        )
        call = frame(Kind.HEADERS, block, Flag.END_HEADERS, 1)
        self._writing.write(PREFACE + settings({}) + call)
        self._send(message_head(len(self.body)) + self.body[: WINDOW - HEAD_BYTES])

    async def let_in(self) -> Self:
        """Wait until the rest may be sent."""
        rest = len(self.body) + HEAD_BYTES - WINDOW
        while rest > 0:
            for each in await self._heard():
                if each.kind == Kind.WINDOW_UPDATE and each.stream:
                    rest -= int.from_bytes(each.payload, "big")
        return self

    async def finish(self) -> None:
        """Send the rest, and wait until the answer begins."""
        self._send(self.body[WINDOW - HEAD_BYTES :])
        while all(each.kind != Kind.DATA for each in await self._heard()):
            pass

    def leave(self) -> None:
        self._writing.transport.abort()

    def _send(self, data: bytes) -> None:
        self._writing.writelines(cut(data, 1, Flag.NONE))

    async def _heard(self) -> list[Frame]:
        return list(self._frames.frames(await self._reading.read(1 << 16)))


async def test_of_large_messages_as_many_are_let_in_as_there_is_room_for() -> None:
    service, address = Service(), Address("127.0.0.1", free_port())
    handlers = {ECHO: service.echo}
    async with (
        serving_http2(handlers, address, largest_message=len(Sender.body)),
        grpc.aio.insecure_channel(str(address)) as channel,
        asyncio.timeout(HOLD_SECONDS - 1),
        asyncio.TaskGroup() as tasks,
    ):
        waiting = set[asyncio.Task[Sender]]()
        for _ in range(4):
            sender = Sender(*await asyncio.open_connection(address.host, address.port))
            await sender.begin()
            waiting.add(tasks.create_task(sender.let_in()))
        first, waiting = await _let_in(waiting, 2)
        assert await said(channel, ECHO, b"small ones pass") == b"small ones pass!"
        assert not any(each.done() for each in waiting), "there is no room for them"
        await first[0].finish()
        second, waiting = await _let_in(waiting, 1)
        first[1].leave()
        third, _ = await _let_in(waiting, 1)
        for each in (first[0], *second, *third):
            each.leave()


async def _let_in(
    waiting: set[asyncio.Task[Sender]], many: int
) -> tuple[list[Sender], set[asyncio.Task[Sender]]]:
    """Wait until ``many`` more are let in; return them, and those that wait still."""
    done = set[asyncio.Task[Sender]]()
    while len(done) < many:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    return [each.result() for each in done], waiting


class Late(asyncio.Transport):
    """A connection that was accepted as the server ended."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


async def test_a_connection_that_begins_as_the_server_ends_is_cut_off() -> None:
    async with asyncio.TaskGroup() as tasks:
        protocol, late = Http2Protocol({}, tasks, Intake(LARGEST)), Late()
        protocol.close()
        protocol.connection_made(late)
    assert late.aborted


class Silent(asyncio.Transport):
    """A connection whose client can be silent."""

    def __init__(self, *, secure: bool = False) -> None:
        super().__init__({"ssl_object": object()} if secure else {})
        self.written, self.aborted = bytearray(), False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(
        self, list_of_data: Iterable[bytes | bytearray | memoryview]
    ) -> None:
        self.written += b"".join(list_of_data)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True


class Clock:
    """The loop's time, which tests move on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop, self.passed = asyncio.get_running_loop(), 0.0
        real = loop.time
        monkeypatch.setattr(loop, "time", lambda: real() + self.passed)

    async def move(self, seconds: float) -> None:
        self.passed += seconds
        for _ in range(3):  # what is due now is done
            await asyncio.sleep(0)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_client_that_answers_no_ping_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    clock, silent = Clock(monkeypatch), Silent()
    async with asyncio.TaskGroup() as tasks:
        protocol = Http2Protocol({}, tasks, Intake(LARGEST))
        protocol.connection_made(silent)
        protocol.data_received(PREFACE + frame(Kind.SETTINGS))
        greeted = len(silent.written)
        await clock.move(PING_SECONDS + 0.1)
        ping = bytes(silent.written[greeted:])
        assert ping == frame(Kind.PING, ping[-8:])
        if answers:
            protocol.data_received(frame(Kind.PING, ping[-8:], Flag.ACK))
        await clock.move(PONG_SECONDS + 0.1)
        assert silent.aborted is not answers
        protocol.connection_lost(None)


def asking(path: str) -> bytes:
    """Return what a client says that calls ``path``, and has room for everything."""
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "pilot"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]
    room = (LARGEST_WINDOW >> 1).to_bytes(4, "big")
    return b"".join(
        (
            PREFACE,
            settings({Setting.INITIAL_WINDOW_SIZE: LARGEST_WINDOW}),
            frame(Kind.WINDOW_UPDATE, room),
            frame(Kind.HEADERS, hpack.Encoder().encode(headers), Flag.END_HEADERS, 1),
        )
    )


@pytest.mark.parametrize(
    ("secure", "most"), [(False, len(PIECE)), (True, MOST_AT_ONCE)]
)
async def test_a_call_waits_while_the_socket_takes_no_more(
    *, secure: bool, most: int
) -> None:
    service, full = Service(), Silent(secure=secure)
    async with asyncio.TaskGroup() as tasks:
        protocol = Http2Protocol({MUCH: service.much}, tasks, Intake(LARGEST))
        protocol.connection_made(full)
        protocol.pause_writing()
        protocol.data_received(asking(MUCH))
        for _ in range(PIECES):
            await asyncio.sleep(0)
        heads = len(full.written) - most
        assert 0 < heads < most // 100, "under TLS each client has a copy of its own"
        assert service.sent == 0
        protocol.resume_writing()
        async with asyncio.timeout(10):
            await service.ended.wait()
        assert service.sent == PIECES
        assert len(full.written) > PIECES * len(PIECE), "it goes on by itself"
        protocol.connection_lost(None)


async def test_who_is_connected_when_a_server_ends_is_told() -> None:
    service, silent = Service(), Silent()
    async with asyncio.TaskGroup() as tasks:
        protocol = Http2Protocol({MUCH: service.much}, tasks, Intake(LARGEST))
        protocol.connection_made(silent)
        greeted = len(silent.written)
        protocol.close()
        (told,) = reader().frames(bytes(silent.written[greeted:]))
        assert told.kind == Kind.GOAWAY
        protocol.connection_lost(None)
