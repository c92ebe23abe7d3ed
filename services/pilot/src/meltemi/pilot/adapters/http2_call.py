"""Calls over our own HTTP/2: one task a call, and a connection that carries several."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NoReturn, cast

import grpc
import structlog
from cryptography import x509

from meltemi.credentials.mutual import Peer
from meltemi.http2.connection import Connection
from meltemi.http2.frame import LARGEST_WINDOW, ConnectionEndedError
from meltemi.http2.stream import (
    Begun,
    Drained,
    Event,
    Finished,
    Opened,
    Received,
    Reset,
)
from meltemi.identity.certificate import InvalidCertificateError, spiffe_id
from meltemi.pilot.adapters.intake import LONGEST_SECONDS
from meltemi.runtime.containment import Failed, contained_wait
from meltemi.runtime.wake import Wake

if TYPE_CHECKING:
    import ssl
    from collections.abc import Hashable, Sequence

    from meltemi.pilot.adapters.call import Handler, Handlers
    from meltemi.pilot.adapters.intake import Intake, Place

log = structlog.get_logger("meltemi.pilot")

PING_SECONDS = 10.0
"""Of silence, after which a client is asked whether it is there."""
PONG_SECONDS = 5.0
"""In which it has to say something."""
MOST_AT_ONCE = 1 << 18
"""Bytes under TLS that a socket is given while it has not taken those before: they are
a copy, and a thousand clients that do not read would have as many of a whole mesh."""


class _RefusedError(Exception):
    """Ends the handler of a call that was refused."""


class Http2Call:
    """One call (`meltemi.pilot.adapters.call.Call`)."""

    def __init__(self, protocol: Http2Protocol, opened: Opened) -> None:
        self._protocol, self._stream = protocol, opened.stream
        self._headers = opened.headers
        self._begun = 0
        """Bytes of a large message that waits to be asked for; 0: none does."""
        self._size = 0
        """Of the one that has a place."""
        self._place: Place | None = None
        self._inbox: deque[bytes] = deque()
        self._finished = False
        self._news = Wake()
        self._drained = asyncio.Event()

    def peer(self) -> Peer | None:
        """Return who the handshake verified; raise `InvalidCertificateError`."""
        return self._protocol.peer()

    def header(self, name: str) -> str:
        """Return a header of the call; empty: it has none of that name."""
        return self._headers.get(name, "")

    @property
    def coming(self) -> bool:
        """Whether a large message has begun to come, or waits until there is room."""
        return self._place is not None or bool(self._begun)

    async def read(self) -> bytes | None:
        """Return the next message; None when there will be no more."""
        while not self._inbox:
            if self._finished:
                return None
            if self._begun and self._place is None:
                self._size, self._begun = self._begun, 0
                protocol = self._protocol
                self._place = protocol.intake.ask(protocol.caller, self._size, self)
            await self._news.wait()
        message = self._inbox.popleft()
        self._protocol.connection.read(self._stream, len(message))
        self._protocol.flush()
        self.leave()
        return message

    def admitted(self) -> None:
        """Let the client send the whole of its large message."""
        self._protocol.connection.admit(self._stream, self._size)
        self._protocol.flush()

    def late(self) -> None:
        """End the call of a client whose message does not come to its end."""
        self.end(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"a message of {self._size} bytes took longer than {LONGEST_SECONDS:g} s",
        )
        self._finished = True
        self._news.set()

    def leave(self) -> None:
        """Give back the room of a large message, if this call has it."""
        if self._place is not None:
            self._place.leave()
            self._place = None

    async def accept(self) -> None:
        """Send the headers."""
        self._protocol.connection.accept(self._stream)
        self._protocol.flush()

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Send ``pieces`` as they are; wait while the client takes no more."""
        self._drained.clear()
        handed_on = self._protocol.connection.send(self._stream, pieces)
        self._protocol.flush()
        if not handed_on:
            await self._drained.wait()
        await self._protocol.writable.wait()

    async def refuse(self, status: grpc.StatusCode, message: str) -> NoReturn:
        """End the call."""
        self.end(status, message)
        raise _RefusedError

    def end(self, status: grpc.StatusCode, message: str = "") -> None:
        """End the call after what it sends still."""
        number: int = status.value[0]
        self._protocol.connection.end(self._stream, number, message)
        self._protocol.flush()

    def told(self, event: Event) -> None:
        """Take what the connection tells of the call."""
        match event:
            case Received(_, message):
                self._inbox.append(message)
            case Begun(_, size):
                self._begun = size
            case Finished():
                self._finished = True
            case Drained():
                self._drained.set()
            case _:
                pass
        self._news.set()


class Http2Protocol(asyncio.Protocol):
    """One connection: gives calls to their handlers, and writes what they send."""

    def __init__(
        self, handlers: Handlers, tasks: asyncio.TaskGroup, intake: Intake
    ) -> None:
        self.connection = Connection(intake.largest)
        self.intake = intake
        self._most = LARGEST_WINDOW
        self.writable = asyncio.Event()
        self.writable.set()
        self._handlers, self._tasks = handlers, tasks
        self._calls: dict[int, tuple[Http2Call, asyncio.Task[None]]] = {}
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own
        if self._ended:
            self._transport.abort()
            return
        if transport.get_extra_info("ssl_object"):
            self._most = self.connection.room = MOST_AT_ONCE
        self.flush()
        self._timer = self._loop.call_later(PING_SECONDS, self._still_there)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._heard = self._loop.time()
        try:
            for event in self.connection.receive(data, self._heard):
                self._told(event)
        except ConnectionEndedError as error:
            self.connection.goodbye(error.reason, str(error))
            self._end(error)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """End every call."""
        del exc  # a client may leave as it likes
        if self._timer:
            self._timer.cancel()
        self.writable.set()
        for _, task in self._calls.values():
            task.cancel()
        self._calls.clear()

    def pause_writing(self) -> None:
        """Have calls wait: the socket takes no more."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """Have them go on."""
        self.writable.set()
        self._go_on()
        self.flush()

    def flush(self) -> None:
        """Write what the connection has for the client, a part at a time."""
        transport = self._transport
        while out := self.connection.out:
            if transport is None or transport.is_closing():
                out.clear()
                return
            self.connection.out = []
            if len(out) == 1:
                transport.write(out[0])
            else:
                transport.writelines(out)
            if self.writable.is_set():
                self._go_on()

    def _go_on(self) -> None:
        """Let the connection hand on more: what it did is with the socket."""
        if self.connection.room > 0:
            self.connection.room = self._most
            return
        for event in self.connection.go_on(self._most):
            self._told(event)

    @property
    def caller(self) -> Hashable:
        """Who has turns of its own: a certificate, or a connection without one."""
        return self._shown() or self

    def _shown(self) -> bytes | None:
        secure: ssl.SSLObject | None = (
            self._transport.get_extra_info("ssl_object") if self._transport else None
        )
        return secure.getpeercert(binary_form=True) if secure else None

    def peer(self) -> Peer | None:
        """Return whom the handshake verified; raise `InvalidCertificateError`."""
        shown = self._shown()
        if not shown:
            return None
        try:
            leaf = x509.load_der_x509_certificate(shown)
        except ValueError as error:
            raise InvalidCertificateError(f"client certificate: {error}") from error
        return Peer(spiffe_id(leaf), leaf.serial_number)

    def abort(self) -> None:
        """Drop what its client has not taken."""
        if self._transport:
            self._transport.abort()

    def close(self) -> None:
        """Take no new call, and end those there are."""
        self._ended = True  # the server may end before it has begun
        self.connection.goodbye()
        self.flush()
        self._end(None)

    def _told(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._opened(event)
            return
        known = self._calls.get(event.stream)
        if known is None:
            return
        call, task = known
        if isinstance(event, Reset):
            task.cancel()
            del self._calls[event.stream]  # one that has not begun never says so
        else:
            call.told(event)

    def _opened(self, event: Opened) -> None:
        call = Http2Call(self, event)
        handler = self._handlers.get(event.headers.get(":path", ""))
        kind = event.headers.get("content-type", "")
        if handler is None or not kind.startswith("application/grpc"):
            call.end(grpc.StatusCode.UNIMPLEMENTED, "this is not served here")
            return
        task = self._tasks.create_task(self._serve(call, event.stream, handler))
        self._calls[event.stream] = (call, task)

    async def _serve(self, call: Http2Call, stream: int, handler: Handler) -> None:
        """Run a handler; whatever it does, the call ends and the others go on."""
        try:
            came = await contained_wait(handler(call))
        finally:
            self._calls.pop(stream, None)
            call.leave()
        match came:
            case Failed(_RefusedError()):
                pass  # it has its status
            case Failed(error):
                log.error("call.failed", exc_info=error)
                call.end(grpc.StatusCode.INTERNAL, "a bug: see this Pilot's log")
            case _:
                call.end(grpc.StatusCode.OK)

    def _end(self, error: Exception | None) -> None:
        if error is not None:
            log.warning("connection.ended", error=str(error))
        self.flush()
        if self._transport:
            self._transport.close()

    def _still_there(self) -> None:
        """Ask a silent client whether it is there; leave one that does not say so."""
        silent = self._loop.time() - self._heard
        if silent >= PING_SECONDS + PONG_SECONDS:
            if self._transport:
                self._transport.abort()
            return
        wait = PING_SECONDS - silent
        if wait <= 0:
            self.connection.ping()
            self.flush()
            wait = PONG_SECONDS
        self._timer = self._loop.call_later(max(wait, 0.05), self._still_there)
