"""The outer half of the pods' doors, with sockets of one machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.local.pods import outside
from meltemi.ctl.local.pods.hall import COMPLETE, GONE
from meltemi.ctl.local.pods.network import Way
from meltemi.ctl.local.pods.outside import Outside
from meltemi.testkit.agents import local

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOOPBACK = "127.0.0.1"


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[socket.socket]:
    """Serve doors; what is sent on the socket that is yielded is handed over."""
    inner, outer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with outer, inner:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(Outside(outer, local().port).serve())
            yield inner
            inner.close()


def hand_over(inner: socket.socket, text: str, door: socket.socket) -> None:
    socket.send_fds(inner, [text.encode()], [door.fileno()])
    door.close()


async def until_refused(host: str, port: int) -> None:
    while True:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()


async def test_a_question_is_asked_of_the_machines_own_nameserver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameserver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    nameserver.bind((LOOPBACK, 0))
    nameserver.settimeout(0)
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {LOOPBACK}\n")
    monkeypatch.setattr(outside, "RESOLV_CONF", resolv)
    monkeypatch.setattr(outside, "DNS_PORT", nameserver.getsockname()[1])
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind((LOOPBACK, 0))
    there = door.getsockname()
    loop = asyncio.get_running_loop()
    async with serving() as inner:
        hand_over(inner, f",{Way.QUESTIONS}", door)
        with nameserver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0)
            await loop.sock_sendto(asking, b"who is reviews?", there)
            question, asker = await loop.sock_recvfrom(nameserver, 64)
            await loop.sock_sendto(nameserver, b"answer to " + question, asker)
            assert await loop.sock_recv(asking, 64) == b"answer to who is reviews?"


async def test_the_doors_of_a_pod_that_is_gone_are_closed() -> None:
    door = socket.create_server((LOOPBACK, 0))
    where = door.getsockname()
    async with serving() as inner:
        hand_over(inner, "guest,1", door)
        inner.send(COMPLETE)
        reader, writer = await asyncio.open_connection(*where)
        assert await reader.read() == b"", "nobody listens on port 1"
        writer.close()
        inner.send(f"{GONE}guest".encode())
        with pytest.raises(ConnectionRefusedError):
            await until_refused(*where)
