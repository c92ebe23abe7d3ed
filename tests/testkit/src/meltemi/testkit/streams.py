"""Applications whose answers take as long as a test wants, and callers of them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.runtime.settings import Address

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a WebSocket's accept is made with (RFC 6455 §1.3)."""
KEY = base64.b64encode(b"sixteen bytes...").decode()
SECONDS = 10.0


class Streams:
    """A server of one port: HTTP, and bytes that are echoed."""

    def __init__(self) -> None:
        self.finish = asyncio.Event()
        """Set: long answers come to their end."""

    async def http(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer ``/long`` bit by bit, an upgrade by an echo, all else at once."""
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while head := await _head(reader):
                if "upgrade: websocket" in head.lower():
                    writer.write(_accepted(head))
                    await echo(reader, writer)
                elif " /long " in head:
                    await self._long(writer)
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async def _long(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while not self.finish.is_set():
            writer.write(b"4\r\nmore\r\n")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self.finish.wait()
        writer.write(b"3\r\nend\r\n0\r\n\r\n")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Return every byte."""
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while raw := await reader.read(1024):
            writer.write(raw)
            await writer.drain()


@contextlib.asynccontextmanager
async def serving(streams: Streams, http: Address, tcp: Address) -> AsyncIterator[None]:
    """Serve HTTP and an echo while the context lasts."""
    async with (
        await asyncio.start_server(streams.http, http.host, http.port),
        await asyncio.start_server(echo, tcp.host, tcp.port),
    ):
        yield


class Stream:
    """A connection on which something goes on."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def tcp(cls, address: Address) -> Stream:
        """Open bytes that are echoed."""
        return cls(*await asyncio.open_connection(address.host, address.port))

    @classmethod
    async def websocket(cls, address: Address, host: str) -> Stream:
        """Open a WebSocket."""
        words = (
            f"GET /socket HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\n"
            f"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
            f"sec-websocket-key: {KEY}\r\n\r\n"
        )
        made = await cls.tcp(address)
        made._writer.write(words.encode())
        async with asyncio.timeout(SECONDS):
            head = await _head(made._reader)
        assert head.startswith("HTTP/1.1 101"), head
        return made

    @classmethod
    async def request(cls, address: Address, host: str) -> Stream:
        """Begin a request whose answer does not end."""
        made = await cls.tcp(address)
        made._writer.write(f"GET /long HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        async with asyncio.timeout(SECONDS):
            head = await _head(made._reader)
        assert head.startswith("HTTP/1.1 200"), head
        return made

    async def exchange(self, text: bytes) -> None:
        """Send something and get it back."""
        self._writer.write(text)
        async with asyncio.timeout(SECONDS):
            assert await self._reader.readexactly(len(text)) == text

    async def more(self) -> None:
        """Get another part of a long answer: what waits is older."""
        async with asyncio.timeout(SECONDS):
            assert await self._reader.readuntil(b"more")

    async def rest(self) -> bytes:
        """Return what comes until the last part of a long answer."""
        async with asyncio.timeout(SECONDS):
            return await self._reader.readuntil(b"0\r\n\r\n")

    async def cut(self) -> bool:
        """Tell whether the other end closes."""
        try:
            async with asyncio.timeout(SECONDS):
                while await self._reader.read(1024):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        """Close it."""
        self._writer.close()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError as error:
        return error.partial.decode()


def _accepted(head: str) -> bytes:
    key = next(
        line.partition(":")[2].strip()
        for line in head.splitlines()
        if line.lower().startswith("sec-websocket-key:")
    )
    digest = hashlib.sha1(f"{key}{GUID}".encode(), usedforsecurity=False).digest()
    accept = base64.b64encode(digest).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"
        f"upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    ).encode()
