"""The nameservers of the machine, asked for what is not the mesh's.

::

    first ──▶ silent for a moment, or no word on the name ──▶ second ──▶ third
      └─ UDP; TCP for an answer that does not fit
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from meltemi.proxy.dns.message import LARGEST
from meltemi.proxy.dns.reply import answers, asked_as, settles, truncated
from meltemi.proxy.dns.resolv_conf import ResolvConf, parse
from meltemi.runtime.marked_socket import connected
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from meltemi.proxy.adapters.dns_metrics import DnsMetrics
    from meltemi.proxy.dns.message import Query

PORT: Final = 53

PATIENCE_SECONDS: Final = 0.5
"""How long one may be silent before the next is asked as well."""

LIMIT_SECONDS: Final = 3.0
"""How long one is waited for. All three are done before a resolver's 5 s are over."""

log = structlog.get_logger()


class ResolvFile:
    """The machine's resolver configuration, read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = -1
        self._now = ResolvConf()

    @property
    def now(self) -> ResolvConf:
        """What it says; while it cannot be read, what it said last."""
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._now = parse(self._path.read_text(errors="replace"))
                self._stamp = stamp
        except OSError as error:
            if self._stamp:
                log.warning("dns.resolv-conf-unread", error=str(error))
            self._stamp = 0
        return self._now


@dataclass(frozen=True, slots=True)
class Way:
    """How a nameserver is reached.

    Attributes:
        port: Its port.
        mark: The mark on what is asked, by which rules that capture DNS leave it
            alone; None: they know us by our user. Setting one needs CAP_NET_ADMIN.

    """

    port: int = PORT
    mark: int | None = None

    async def connected(self, server: str, kind: socket.SocketKind) -> socket.socket:
        """Return a socket that is connected to ``server``; raise `OSError`."""
        return await connected(Address(server, self.port), kind=kind, mark=self.mark)


class Nameservers:
    """Asks for names, wherever the machine would."""

    def __init__(
        self, file: ResolvFile, way: Way, rng: Random, metrics: DnsMetrics
    ) -> None:
        self._file, self._way = file, way
        self._rng, self._metrics = rng, metrics

    async def ask(self, asked: Query) -> bytes | None:
        """Return the first word on a name; else the last excuse, None without any."""
        waiting = list(self._file.now.servers)
        running: set[asyncio.Task[bytes | None]] = set()
        excuse: bytes | None = None
        async with asyncio.TaskGroup() as tasks:
            while waiting or running:
                if waiting:
                    asking = self._ask_one(waiting.pop(0), asked)
                    running.add(tasks.create_task(asking))
                done, running = await asyncio.wait(
                    running,
                    timeout=PATIENCE_SECONDS if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for each in done:
                    reply = each.result()
                    if reply is not None and settles(reply):
                        for other in running:
                            other.cancel()
                        return reply
                    excuse = reply or excuse
        return excuse

    async def _ask_one(self, server: str, asked: Query) -> bytes | None:
        self._metrics.upstream_requests.inc()
        ident = self._rng.getrandbits(16)
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                reply = await self._over_udp(server, asked, ident)
                if truncated(reply):
                    reply = await self._over_tcp(server, asked, ident)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            reason = str(error) or "no answer in time"
            log.debug("dns.upstream-failed", server=server, error=reason)
            self._metrics.upstream_failures.inc()
            return None
        return reply

    async def _over_udp(self, server: str, asked: Query, ident: int) -> bytes:
        loop = asyncio.get_running_loop()
        # A socket for each question: whoever forges an answer must guess its port.
        transport, waiter = await loop.create_datagram_endpoint(
            lambda: _Waiter(asked, ident, loop.create_future()),
            sock=await self._way.connected(server, socket.SOCK_DGRAM),
        )
        try:
            transport.sendto(asked_as(asked, ident))
            return await waiter.reply
        finally:
            transport.close()

    async def _over_tcp(self, server: str, asked: Query, ident: int) -> bytes:
        made = await self._way.connected(server, socket.SOCK_STREAM)
        reader, writer = await asyncio.open_connection(sock=made, limit=LARGEST)
        try:
            message = asked_as(asked, ident)
            writer.write(struct.pack(">H", len(message)) + message)
            await writer.drain()
            (size,) = struct.unpack(">H", await reader.readexactly(2))
            reply = await reader.readexactly(size)
        finally:
            writer.close()
        if not answers(reply, asked, ident):
            raise OSError("an answer to something else")
        return reply


class _Waiter(asyncio.DatagramProtocol):
    """Waits for the answer to one question, and hears nothing else."""

    def __init__(self, asked: Query, ident: int, reply: asyncio.Future[bytes]) -> None:
        self._asked, self._ident = asked, ident
        self.reply = reply

    def datagram_received(self, data: bytes, addr: tuple[object, ...]) -> None:
        """Take the answer; what answers another question is passed over."""
        del addr  # the socket is connected
        if not self.reply.done() and answers(data, self._asked, self._ident):
            self.reply.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Take it that nobody listens there."""
        if not self.reply.done():
            self.reply.set_exception(exc)
