"""The outer process: passes on what leaves the pods, on this machine's network."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.ctl.local.pods.forward import forward
from meltemi.ctl.local.pods.hall import COMPLETE, GONE
from meltemi.ctl.local.pods.network import Way
from meltemi.proxy.dns.resolv_conf import parse

if TYPE_CHECKING:
    from asyncio.trsock import TransportSocket

    from meltemi.ctl.local.pods.forward import Dial

LOOPBACK: Final = "127.0.0.1"
DNS_PORT: Final = 53
DNS_SECONDS: Final = 5.0
DNS_LARGEST: Final = 65_535
MOST_QUESTIONS: Final = 256
"""At once; what comes on top is dropped, as datagrams are."""
SO_ORIGINAL_DST: Final = 80
SOCKADDR_IN: Final = struct.Struct("!2xH4s8x")
MOST_DOORS: Final = 250
"""In one message: SCM_MAX_FD is 253."""
RESOLV_CONF: Final = Path("/etc/resolv.conf")


class Outside:
    """The doors of the pods on this machine's side."""

    def __init__(self, inner: socket.socket, ready: int) -> None:
        """Take doors that come by ``inner``; ``ready`` accepts once all are there.

        ``ready`` is a port of this machine's loopback.
        """
        inner.settimeout(0)
        self._inner, self._ready = inner, ready
        self._open: dict[str, list[asyncio.Task[None]]] = {}

    async def serve(self) -> None:
        """Serve doors until the inner process is gone; it says why."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._readable()
                text, fds, _, _ = socket.recv_fds(self._inner, 1 << 16, MOST_DOORS)
                words = text.decode()
                if not words:
                    break
                if text == COMPLETE:
                    self._open[words] = [tasks.create_task(self._show())]
                elif words.startswith(GONE):
                    for door in self._open.pop(words.removeprefix(GONE)):
                        door.cancel()
                else:
                    pod, *names = words.split(",")
                    doors = zip(names, map(_adopted, fds), strict=True)
                    self._open[pod] = [
                        tasks.create_task(_serve(*door)) for door in doors
                    ]
            for door in [each for doors in self._open.values() for each in doors]:
                door.cancel()

    async def _readable(self) -> None:
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._inner, event.set)
        try:
            await event.wait()
        finally:
            loop.remove_reader(self._inner)

    async def _show(self) -> None:
        with socket.create_server((LOOPBACK, self._ready)) as shown:
            shown.settimeout(0)
            await forward(shown, _nowhere)


def _adopted(fd: int) -> socket.socket:
    door = socket.socket(fileno=fd)
    door.settimeout(0)
    return door


async def _serve(name: str, door: socket.socket) -> None:
    with door:
        if name == Way.QUESTIONS:
            await _answer(door)
        else:
            await forward(door, _leading(name))


def _leading(name: str) -> Dial:
    async def dial(caller: TransportSocket) -> socket.socket:
        match name:
            case Way.ELSEWHERE:
                return await _connected(*_meant(caller))
            case Way.HOME:
                return await _connected(LOOPBACK, _meant(caller)[1])
            case Way.NAMESERVER:
                return await _connected(_nameserver(), DNS_PORT)
            case port:
                return await _connected(LOOPBACK, int(port))

    return dial


async def _nowhere(_: TransportSocket) -> socket.socket:
    raise OSError("only to show that the doors are open")


def _meant(caller: TransportSocket) -> tuple[str, int]:
    """Return where a connection was meant to go, before a rule redirected it."""
    raw = caller.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, SOCKADDR_IN.size)
    port, host = SOCKADDR_IN.unpack(raw)
    return socket.inet_ntoa(host), port


async def _connected(
    host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, kind)
    made.settimeout(0)
    try:
        await asyncio.get_running_loop().sock_connect(made, (host, port))
    except BaseException:
        made.close()
        raise
    return made


def _nameserver() -> str:
    """Return the machine's first nameserver.

    Raises:
        OSError: If it names none.

    """
    servers = parse(RESOLV_CONF.read_text(errors="replace")).servers
    if not servers:
        raise OSError(f"{RESOLV_CONF} names no nameserver")
    return servers[0]


async def _answer(door: socket.socket) -> None:
    """Have the machine's nameserver answer the pods' questions over UDP."""
    loop = asyncio.get_running_loop()
    asking: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:
        while True:
            question, who = await loop.sock_recvfrom(door, DNS_LARGEST)
            if len(asking) < MOST_QUESTIONS:
                task = tasks.create_task(_ask(door, question, who))
                asking.add(task)
                task.add_done_callback(asking.discard)


async def _ask(door: socket.socket, question: bytes, who: tuple[str, int]) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DNS_SECONDS):
            asked = await _connected(_nameserver(), DNS_PORT, socket.SOCK_DGRAM)
            with asked:
                await loop.sock_sendall(asked, question)
                answer = await loop.sock_recv(asked, DNS_LARGEST)
            await loop.sock_sendto(door, answer, who)
    except (OSError, TimeoutError):
        return  # who asked asks again
