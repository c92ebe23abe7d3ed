"""A nameserver that says what a test wants, and how its answers are heard."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from meltemi.testkit.dns import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Say = Callable[[bytes], bytes | None]


class FakeNameserver:
    """Answers on one address.

    Attributes:
        udp: What it says over UDP; None says nothing.
        tcp: What it says over TCP.
        heard: What it was asked, in order.

    """

    def __init__(self, udp: Say | None = None, tcp: Say | None = None) -> None:
        def usual(asked: bytes) -> bytes:
            return told(asked, "192.0.2.1")

        self.udp, self.tcp = udp or usual, tcp or usual
        self.heard: list[bytes] = []

    @contextlib.asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[None]:
        """Answer on ``host`` and ``port`` while the context lasts."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.settimeout(0)
            door.bind((host, port))
            loop.add_reader(door, self._datagram, door)
            server = await asyncio.start_server(self._connection, host, port)
            try:
                yield
            finally:
                server.close()
                loop.remove_reader(door)

    def _datagram(self, door: socket.socket) -> None:
        raw, peer = door.recvfrom(65_535)
        self.heard.append(raw)
        said = self.udp(raw)
        if said is not None:
            door.sendto(said, peer)

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            (size,) = struct.unpack(">H", await reader.readexactly(2))
            raw = await reader.readexactly(size)
            self.heard.append(raw)
            said = self.tcp(raw)
            if said is not None:
                writer.write(struct.pack(">H", len(said)) + said)
        writer.close()


async def asked_over_udp(host: str, port: int, raw: bytes) -> bytes:
    """Return the answer to ``raw`` within 10 s."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.settimeout(0)
        door.connect((host, port))
        door.send(raw)
        async with asyncio.timeout(10):
            return await loop.sock_recv(door, 65_535)


async def asked_over_tcp(host: str, port: int, *raws: bytes) -> list[bytes]:
    """Return the answers to ``raws``, asked at once on one connection."""
    reader, writer = await asyncio.open_connection(host, port)
    found = []
    try:
        writer.write(b"".join(struct.pack(">H", len(raw)) + raw for raw in raws))
        async with asyncio.timeout(10):
            for _ in raws:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
                found.append(await reader.readexactly(size))
    finally:
        writer.close()
    return found
