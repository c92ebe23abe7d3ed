from __future__ import annotations

import asyncio
import os
import socket

import pytest

from meltemi.runtime.marked_socket import connected
from meltemi.runtime.settings import Address
from meltemi.testkit.processes import free_port

MARK = 1337


async def to_a_server(mark: int | None) -> int:
    """Return the mark of a connection."""
    port = free_port()
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", port
    )
    async with server:
        with await connected(Address("127.0.0.1", port), mark=mark) as made:
            assert made.getpeername() == ("127.0.0.1", port)
            return made.getsockopt(socket.SOL_SOCKET, socket.SO_MARK)


async def test_a_connection_has_no_mark_unless_one_is_said() -> None:
    assert await to_a_server(None) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="setting a mark needs CAP_NET_ADMIN")
async def test_a_connection_has_the_mark_that_is_said() -> None:
    assert await to_a_server(MARK) == MARK


async def test_nobody_there_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        await connected(Address("127.0.0.1", free_port()))
