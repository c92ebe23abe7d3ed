"""Our own server of calls, and gRPC's client."""

from __future__ import annotations

import asyncio
import gc
import struct
from typing import TYPE_CHECKING

import grpc
import hpack
import pytest

from meltemi.http2.frame import (
    LARGEST_WINDOW,
    PREFACE,
    Code,
    Flag,
    Kind,
    Setting,
    frame,
    settings,
)
from meltemi.pilot.adapters.http2_call import (
    MOST_AT_ONCE,
    PING_SECONDS,
    PONG_SECONDS,
    Http2Call,
    Http2Protocol,
)
from meltemi.pilot.adapters.http2_server import serving_http2
from meltemi.pilot.adapters.intake import Intake
from meltemi.runtime.http import AddressInUseError
from meltemi.runtime.settings import Address
from meltemi.testkit.http2_client import reader
from meltemi.testkit.processes import free_port
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from meltemi.pilot.adapters.call import Call

LARGEST = 1 << 20
SOON = 10.0
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

    def __init__(self, *, secure: object = None) -> None:
        super().__init__({"ssl_object": secure} if secure else {})
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


class Shown:
    """A handshake in which a certificate was shown, or none."""

    def __init__(self, certificate: bytes | None) -> None:
        self._certificate = certificate

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._certificate


async def test_callers_are_told_apart_by_certificate_or_by_connection() -> None:
    async with asyncio.TaskGroup() as tasks:
        protocols = list[Http2Protocol]()
        for shown in (b"one", b"one", b"other", None):
            protocols.append(Http2Protocol({}, tasks, Intake(LARGEST)))
            protocols[-1].connection_made(Silent(secure=Shown(shown)))
        plain = Http2Protocol({}, tasks, Intake(LARGEST))
        plain.connection_made(Silent())
        callers = [each.caller for each in (*protocols, plain)]
        assert callers == [b"one", b"one", b"other", protocols[3], plain]
        for each in (*protocols, plain):
            each.connection_lost(None)


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


async def test_a_call_that_is_reset_as_it_opens_is_forgotten() -> None:
    reset = frame(Kind.RST_STREAM, struct.pack(">I", Code.CANCEL), 0, 1)
    before = _calls()
    async with asyncio.TaskGroup() as tasks:
        protocol = Http2Protocol({ECHO: Service().echo}, tasks, Intake(LARGEST))
        protocol.connection_made(Silent())
        protocol.data_received(asking(ECHO) + reset)  # before its task has begun
        await until(lambda: _calls() == before)
        protocol.connection_lost(None)


def _calls() -> int:
    """Return how many calls are held in memory."""
    gc.collect()
    return sum(isinstance(each, Http2Call) for each in gc.get_objects())
