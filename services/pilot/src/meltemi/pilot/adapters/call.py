"""A call of a proxy or an agent, whichever transport carries it: the Stream port.

Two implementations: gRPC's own server (`GrpcCall`), and ours over HTTP/2
(`meltemi.pilot.adapters.http2_call`), which sends shared bytes without copies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NoReturn, Protocol

import grpc

from meltemi.credentials.mutual import Peer, caller

Context = grpc.aio.ServicerContext[bytes, bytes]


class Call(Protocol):
    """One call: messages both ways, and who the handshake verified."""

    def peer(self) -> Peer | None:
        """Return who calls; None where nobody showed anything.

        Raises:
            InvalidCertificateError: If the certificate names no workload.

        """
        ...

    def header(self, name: str) -> str:
        """Return a header of the call; empty: it has none of that name."""
        ...

    @property
    def coming(self) -> bool:
        """Whether a message has begun to come, or waits until there is room for it."""
        ...

    async def read(self) -> bytes | None:
        """Return the next message; None when the caller sends nothing more.

        Who stops waiting for it may begin anew.
        """
        ...

    async def accept(self) -> None:
        """Tell the caller that it is served, even if nothing is to be sent yet."""
        ...

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Send one message, in pieces; return when the caller could take all of it."""
        ...

    async def refuse(self, status: grpc.StatusCode, message: str) -> NoReturn:
        """End the call with ``status``. It raises what ends its handler."""
        ...


Handler = Callable[[Call], Awaitable[None]]
"""Serves one call to its end."""
Handlers = Mapping[str, Handler]
"""By the path of the method, such as ``/package.Service/Method``."""


class GrpcCall:
    """A call that gRPC's server carries."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def peer(self) -> Peer | None:
        """Return who the handshake verified; raise `InvalidCertificateError`."""
        return caller(self._context)

    def header(self, name: str) -> str:
        """Return a header of the call; empty: it has none of that name."""
        told = dict(self._context.invocation_metadata() or ())
        return str(told.get(name, ""))

    @property
    def coming(self) -> bool:
        """Whether a message has begun to come: gRPC does not tell."""
        return False

    async def read(self) -> bytes | None:
        """Return the next message; None at the end."""
        message = await self._context.read()
        return message if isinstance(message, bytes) else None

    async def accept(self) -> None:
        """Send the headers."""
        await self._context.send_initial_metadata(())

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Send ``pieces``, joined: gRPC takes a message as one."""
        await self._context.write(b"".join(pieces))

    async def refuse(self, status: grpc.StatusCode, message: str) -> NoReturn:
        """Abort the call."""
        await self._context.abort(status, message)
        raise AssertionError("abort has raised already")


class BegunCall:
    """A call of which the first message was read already, and is read once more."""

    def __init__(self, call: Call, first: bytes) -> None:
        self._call = call
        self._first: bytes | None = first

    @property
    def coming(self) -> bool:
        """Whether a message has begun to come."""
        return self._call.coming

    async def read(self) -> bytes | None:
        """Return the next message; None at the end."""
        if self._first is None:
            return await self._call.read()
        first, self._first = self._first, None
        return first

    def peer(self) -> Peer | None:
        """Return who calls; raise `InvalidCertificateError`."""
        return self._call.peer()

    def header(self, name: str) -> str:
        """Return a header of the call."""
        return self._call.header(name)

    async def accept(self) -> None:
        """Tell the caller that it is served."""
        await self._call.accept()

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Send one message."""
        await self._call.write(pieces)

    async def refuse(self, status: grpc.StatusCode, message: str) -> NoReturn:
        """End the call."""
        await self._call.refuse(status, message)
        raise AssertionError("refuse has raised already")


class GrpcHandlers(grpc.GenericRpcHandler):
    """Gives the calls of gRPC's server to ``handlers``."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of a method; None for one that is not served."""
        serve = self._handlers.get(str(handler_call_details.method))
        if serve is None:
            return None

        async def stream(_: object, context: Context) -> None:
            await serve(GrpcCall(context))

        return grpc.stream_stream_rpc_method_handler(stream)
