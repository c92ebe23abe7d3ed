"""Passing connections on: accepted on a socket, dialled by a function.

Each direction ends by itself, as TCP's do: who has said all may still be answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    import socket
    from asyncio.trsock import TransportSocket
    from collections.abc import Awaitable, Callable

    Dial = Callable[[TransportSocket], Awaitable[socket.socket]]

CHUNK: Final = 1 << 18

log = structlog.get_logger()


async def forward(listener: socket.socket, dial: Dial) -> None:
    """Pass on what ``listener`` accepts, until cancelled.

    Args:
        listener: Listens already.
        dial: Returns a connected socket for the one that was accepted; `OSError` when
            nobody is there, and then the caller is hung up on.

    """

    async def pass_on(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            called = await dial(writer.get_extra_info("socket"))
            there = await asyncio.open_connection(sock=called)
        except OSError as error:
            log.debug("door.nobody-there", error=str(error))
            writer.close()
            return
        await _join((reader, writer), there)

    server = await asyncio.start_server(pass_on, sock=listener)
    async with server:
        await server.serve_forever()


async def _join(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pump(one[0], other[1]))
            tasks.create_task(_pump(other[0], one[1]))
    finally:
        for _, writer in (one, other):
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:  # one side is gone, so the other is told
        writer.transport.abort()
