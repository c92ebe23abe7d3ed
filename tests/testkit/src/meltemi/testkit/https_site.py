"""A site on loopback that answers over TLS what a test tells it to, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from meltemi.kernel.clock import SystemClock
from meltemi.testkit.authority import authority, credential, write_credential
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = SystemClock().now()


def answer(
    body: bytes | str, kind: str = "application/json", status: int = 200
) -> bytes:
    """Return an HTTP answer with ``body``."""
    body = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status} It\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def redirect(to: str) -> bytes:
    """Return an HTTP answer that leads elsewhere."""
    return f"HTTP/1.1 302 Go\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


@dataclass
class Site:
    """What is answered by path; what has none gets 404.

    Attributes:
        dribble: Seconds between the bytes of an answer.

    """

    host: str
    port: int
    roots: str
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dribble: float = 0.0

    def url(self, path: str = "/", host: str = "") -> str:
        """Return where ``path`` is found."""
        return f"https://{host or self.host}:{self.port}{path}"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request and hang up."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            self.asked.append(path)
            said = self.pages.get(path, answer("", status=404))
            if not self.dribble:
                writer.write(said)
                await writer.drain()
            else:
                for byte in said:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(self.dribble)
        writer.transport.abort() if self.dribble else writer.close()


@contextlib.asynccontextmanager
async def https_site(port: int = 0) -> AsyncIterator[Site]:
    """Serve a site on 127.0.0.1; what it shows chains up to its ``roots``."""
    shown = credential(now=NOW, signer=authority(now=NOW), local_server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        context.load_cert_chain(*write_credential(Path(folder), "site", shown))
    site = Site("127.0.0.1", port or free_port(), shown.roots_pem)
    server = await asyncio.start_server(site.serve, site.host, site.port, ssl=context)
    try:
        yield site
    finally:
        server.close()
