"""What Galley takes, on one real etcd: how many writes, and how late the latest."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Figure, percentile
from validation import KINDS

from meltemi.testkit.galley_process import grounds, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

WRITES, AT_ONCE, TURNS = 2000, 16, 3
"""The fastest turn counts: the one that others disturbed least."""
STEADY_SECONDS, STEADY_RATE = 10, 50
THROUGHPUT, LATENCY_MILLISECONDS = 400, 50
RULE = KINDS[1]
RULES = "/apis/networking.istio.io/v1/namespaces/shop/destinationrules"


def figures() -> Iterator[Figure]:
    """Yield acknowledged writes a second, and latency at a steady rate."""
    with (
        tempfile.TemporaryDirectory() as folder,
        grounds(Path(folder)) as ground,
        started(ground.galley()) as galley,
    ):
        rate, late = asyncio.run(_measured(galley.port))
    name = f"acknowledged writes, {AT_ONCE} at once"
    yield Figure(name, rate, "1/s", THROUGHPUT, higher_is_better=True)
    for percent, target in ((50, None), (99, LATENCY_MILLISECONDS)):
        name = f"latency of a write at {STEADY_RATE}/s, {percent} %"
        yield Figure(name, percentile(late, percent) * 1000, "ms", target)


async def _measured(port: int) -> tuple[float, list[float]]:
    async with contextlib.AsyncExitStack() as open_ones:
        clients = [
            await open_ones.enter_async_context(_client(port)) for _ in range(AT_ONCE)
        ]
        rates = [await _flood(clients, turn * WRITES) for turn in range(TURNS)]
        return max(rates), await _steady(clients)


class _Client:
    """A connection that writes one object after another.

    Like wrk, it does next to nothing else: what a client library costs is not what is
    measured, and both run on the same processors.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer

    async def put(self, number: int) -> None:
        body = RULE.format(n=number)
        self._writer.write(
            f"PUT {RULES}/reviews-{number} HTTP/1.1\r\nHost: localhost\r\n"
            "Authorization: Bearer secret\r\nContent-Type: application/yaml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201 "):
            raise AssertionError(head.decode())
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        await self._reader.readexactly(int(length[1]) if length else 0)


@contextlib.asynccontextmanager
async def _client(port: int) -> AsyncIterator[_Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield _Client(reader, writer)
    finally:
        writer.close()


async def _flood(clients: list[_Client], first: int) -> float:
    """Write as fast as the clients can; return how many a second."""
    numbers = iter(range(first, first + WRITES))

    async def write(client: _Client) -> None:
        for number in numbers:
            await client.put(number)

    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(write(client))
    return WRITES / (loop.time() - begun)


async def _steady(clients: list[_Client]) -> list[float]:
    loop = asyncio.get_running_loop()
    late: list[float] = []

    async def write(client: _Client, number: int) -> None:
        begun = loop.time()
        await client.put(number)
        late.append(loop.time() - begun)

    numbers = range(TURNS * WRITES, TURNS * WRITES + STEADY_SECONDS * STEADY_RATE)
    async with asyncio.TaskGroup() as tasks:
        writing: dict[int, asyncio.Task[None]] = {}
        for number in numbers:
            turn = number % AT_ONCE
            if turn in writing:
                await writing[turn]
            client = clients[turn]
            writing[turn] = tasks.create_task(write(client, number))
            await asyncio.sleep(1 / STEADY_RATE)
    return late
