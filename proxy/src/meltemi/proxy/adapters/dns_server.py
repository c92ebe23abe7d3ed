"""DNS for the application: the mesh's names from a table, all others passed on.

::

    UDP, TCP ──▶ query ──▶ names of the mesh ──▶ cache ──▶ nameservers
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Final

from meltemi.kernel.errors import Blame, MeshError
from meltemi.proxy.adapters.netns import within
from meltemi.proxy.dns.answering import mesh_answer
from meltemi.proxy.dns.cache import Cache
from meltemi.proxy.dns.message import (
    LARGEST,
    NO_ERROR,
    NO_SUCH_NAME,
    NOT_IMPLEMENTED,
    OPERATION,
    SERVER_FAILURE,
    MalformedMessageError,
    Query,
    answer,
    complaint,
    query,
)
from meltemi.proxy.dns.reply import code, fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from meltemi.proxy.adapters.dns_metrics import DnsMetrics
    from meltemi.proxy.adapters.nameservers import Nameservers, ResolvFile
    from meltemi.proxy.dns.names import Names
    from meltemi.runtime.settings import Address

    Peer = tuple[str, int] | tuple[str, int, int, int]

WAITING_MOST: Final = 1024
"""Questions that wait for a nameserver at a time, of all applications."""

BURST: Final = 64
"""Datagrams of one door in a row."""

CONNECTIONS_MOST: Final = 128
IDLE_SECONDS: Final = 10.0
"""How long a connection may be open and silent."""


class DnsAddressError(MeshError):
    """An address for DNS cannot be listened on."""

    code = "agent.dns-address"
    blame = Blame.CALLER


class DnsServer:
    """Answers questions.

    Attributes:
        names: Those of the mesh; None until somebody has told them.

    """

    def __init__(
        self, file: ResolvFile, nameservers: Nameservers, metrics: DnsMetrics
    ) -> None:
        self.names: Names | None = None
        self._file, self._nameservers, self._metrics = file, nameservers, metrics
        self._cache = Cache()
        self._turn = 0
        self._waiting = 0

    def at_once(self, raw: bytes, *, udp: bool) -> bytes | Query | None:
        """Return the answer, a question that has to be passed on, or nothing to say."""
        self._metrics.requests.inc()
        try:
            asked = query(raw)
        except MalformedMessageError:
            return complaint(raw)
        limit = asked.limit(udp=udp)
        if asked.flags & OPERATION:
            return answer(asked, (), limit, code=NOT_IMPLEMENTED)
        found = (
            self.names.find(asked.key, self._file.now.search) if self.names else None
        )
        if found is not None:
            self._turn += 1
            told = mesh_answer(asked, found, self._turn, limit)
            if told is not None:
                return told
        kept = self._cache.get(asked, asyncio.get_running_loop().time())
        if kept is not None:
            self._metrics.cache_hits.inc()
            return self._told(asked, kept, limit)
        return asked

    async def passed_on(self, asked: Query, *, udp: bool) -> bytes:
        """Return what the nameservers of the machine say."""
        limit = asked.limit(udp=udp)
        reply = None
        if self._waiting < WAITING_MOST:
            self._waiting += 1
            try:
                reply = await self._nameservers.ask(asked)
            finally:
                self._waiting -= 1
        if reply is None:
            self._metrics.failures.inc()
            return answer(asked, (), limit, code=SERVER_FAILURE)
        self._cache.put(asked, reply, asyncio.get_running_loop().time())
        return self._told(asked, reply, limit)

    def _told(self, asked: Query, reply: bytes, limit: int) -> bytes:
        """Return ``reply`` for who asked, unless the mesh knows better.

        Nameservers do not know its names. While it is not known which those are,
        nobody is told that a name is not there: resolvers ask again.
        """
        if code(reply) != NO_SUCH_NAME:
            return fitted(reply, asked, limit)
        if self.names is None:
            return answer(asked, (), limit, code=SERVER_FAILURE)
        if self.names.find(asked.key, self._file.now.search):
            return answer(asked, (), limit, code=NO_ERROR)
        return fitted(reply, asked, limit)

    async def serve(self, sockets: Iterable[socket.socket]) -> None:
        """Answer on ``sockets`` until cancelled."""
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as open_ones, asyncio.TaskGroup() as on:
            doors = _Doors(self, on)
            for each in sockets:
                if each.type is socket.SOCK_DGRAM:
                    loop.add_reader(each, doors.readable, each)
                    open_ones.callback(loop.remove_reader, each)
                else:
                    server = await asyncio.start_server(doors.connected, sock=each)
                    open_ones.callback(server.close)
            await asyncio.Event().wait()


@contextlib.contextmanager
def bound(
    addresses: Iterable[Address], netns: Path | None = None
) -> Iterator[tuple[socket.socket, ...]]:
    """Hold ``addresses`` for UDP and TCP while the context lasts, those of ``netns``.

    Raises:
        DnsAddressError: If one cannot be had.
        NamespaceError: If the namespace cannot be entered.

    """
    with contextlib.ExitStack() as open_ones:
        made = []
        for address in addresses:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                made_there = within(netns, partial(socket.socket, family, kind))
                each = open_ones.enter_context(made_there)
                each.settimeout(0)
                try:
                    if kind is socket.SOCK_STREAM:
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    each.bind((address.host, address.port))
                    if kind is socket.SOCK_STREAM:
                        each.listen()
                except OSError as error:
                    raise DnsAddressError(
                        f"cannot answer DNS on {address}: {error.strerror}"
                    ) from error
                made.append(each)
        yield tuple(made)


class _Doors:
    """Where questions come in; what cannot be answered at once waits in ``tasks``."""

    def __init__(self, server: DnsServer, tasks: asyncio.TaskGroup) -> None:
        self._server, self._tasks = server, tasks
        self._connections = 0

    def readable(self, door: socket.socket) -> None:
        """Take the datagrams that wait, but let others have their turn."""
        for _ in range(BURST):
            try:
                raw, peer = door.recvfrom(LARGEST)
            except OSError:  # nothing waits, or an answer met nobody
                return
            told = self._server.at_once(raw, udp=True)
            if isinstance(told, Query):
                self._tasks.create_task(self._later(told, door, peer))
            elif told is not None:
                _send(door, told, peer)

    async def _later(self, asked: Query, door: socket.socket, peer: Peer) -> None:
        _send(door, await self._server.passed_on(asked, udp=True), peer)

    def connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection, unless there are too many."""
        if self._connections >= CONNECTIONS_MOST:
            writer.close()
            return
        self._connections += 1
        self._tasks.create_task(self._converse(reader, writer))

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        ending = (OSError, TimeoutError, asyncio.IncompleteReadError)
        try:
            with contextlib.suppress(*ending):
                while True:
                    async with asyncio.timeout(IDLE_SECONDS):
                        (size,) = struct.unpack(">H", await reader.readexactly(2))
                        raw = await reader.readexactly(size)
                    told = self._server.at_once(raw, udp=False)
                    if isinstance(told, Query):
                        told = await self._server.passed_on(told, udp=False)
                    if told is None:
                        return
                    writer.write(struct.pack(">H", len(told)) + told)
                    async with asyncio.timeout(IDLE_SECONDS):
                        await writer.drain()
        finally:
            self._connections -= 1
            writer.close()


def _send(door: socket.socket, told: bytes, peer: Peer) -> None:
    """Send an answer. One that the kernel has no room for is lost, as on any way."""
    with contextlib.suppress(OSError):
        door.sendto(told, peer)
