"""The outer process: passes on what leaves the pods, on this machine's network."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meltemi.ctl.local.pods.forward import forward
from meltemi.ctl.local.pods.hall import COMPLETE
from meltemi.ctl.local.pods.network import Way
from meltemi.proxy.dns.resolv_conf import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def take_doors(inner: socket.socket) -> list[tuple[str, socket.socket]]:
    """Return the doors that the inner process hands over, and where they lead.

    None of them when it ended before all were there; it says why.
    """
    doors: list[tuple[str, socket.socket]] = []
    while True:
        names, fds, _, _ = socket.recv_fds(inner, 1 << 16, MOST_DOORS)
        if not names:
            return []
        if names == COMPLETE:
            return doors
        made = [socket.socket(fileno=fd) for fd in fds]
        doors += zip(names.decode().split(","), made, strict=True)


async def serve_while(
    inner: int, doors: Sequence[tuple[str, socket.socket]], ready: int
) -> None:
    """Serve ``doors`` while the process ``inner`` lives; ``ready`` accepts meanwhile.

    ``ready`` is a port of this machine's loopback.
    """
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(os.pidfd_open(inner), gone.set)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(_serve(doors, ready))
        await gone.wait()
        serving.cancel()


async def _serve(doors: Sequence[tuple[str, socket.socket]], ready: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for name, door in doors:
            door.settimeout(0)
            if name == Way.QUESTIONS:
                tasks.create_task(_answer(door))
            else:
                tasks.create_task(forward(door, _leading(name)))
        shown = socket.create_server((LOOPBACK, ready))
        shown.settimeout(0)
        tasks.create_task(forward(shown, _nowhere))


def _leading(name: str) -> Dial:
    async def dial(caller: socket.socket) -> socket.socket:
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


async def _nowhere(_: socket.socket) -> socket.socket:
    raise OSError("only to show that the doors are open")


def _meant(caller: socket.socket) -> tuple[str, int]:
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
