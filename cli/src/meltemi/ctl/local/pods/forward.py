"""Passing connections on: accepted on a socket, dialled by a function.

Each direction ends by itself, as TCP's do: who has said all may still be answered.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    Dial = Callable[[socket.socket], Awaitable[socket.socket]]

CHUNK: Final = 1 << 18
BACKLOG_SECONDS: Final = 0.2
"""For how long nobody is accepted when the process has no file descriptor left."""

log = structlog.get_logger()


async def forward(listener: socket.socket, dial: Dial) -> None:
    """Pass on what ``listener`` accepts, until cancelled.

    Args:
        listener: Not blocking, and listening.
        dial: Returns a connected socket for the one that was accepted; `OSError` when
            nobody is there, and then the caller is hung up on.

    """
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        while True:
            try:
                caller, _ = await loop.sock_accept(listener)
            except OSError as error:
                log.warning("door.not-accepted", error=str(error))
                await asyncio.sleep(BACKLOG_SECONDS)
                continue
            caller.settimeout(0)
            tasks.create_task(_pass_on(caller, dial))


async def _pass_on(caller: socket.socket, dial: Dial) -> None:
    with caller:
        try:
            called = await dial(caller)
        except OSError as error:
            log.debug("door.nobody-there", error=str(error))
            return
        with called:
            await _join(caller, called)


async def _join(one: socket.socket, other: socket.socket) -> None:
    ends = [await asyncio.open_connection(sock=each) for each in (one, other)]
    (from_one, to_one), (from_other, to_other) = ends
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pump(from_one, to_other))
            tasks.create_task(_pump(from_other, to_one))
    finally:
        for _, writer in ends:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:  # one side is gone, so the other is told
        with contextlib.suppress(OSError):
            writer.transport.abort()
