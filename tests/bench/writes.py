"""What Galley takes, on one real etcd: how many writes, and how late the latest."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
from measure import Figure, percentile
from validation import KINDS

from meltemi.testkit.processes import (
    Program,
    accepts,
    etcd_server,
    free_port,
    nats_server,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITES, AT_ONCE = 2000, 16
STEADY_SECONDS, STEADY_RATE = 10, 50
THROUGHPUT, LATENCY_MILLISECONDS = 400, 50
RULE = KINDS[1]


def figures() -> Iterator[Figure]:
    """Yield acknowledged writes a second, and latency at a steady rate."""
    with (
        etcd_server() as etcd,
        nats_server() as nats,
        tempfile.TemporaryDirectory() as folder,
    ):
        token, port = Path(folder) / "token", free_port()
        token.write_text("bench", encoding="ascii")
        galley = Program(
            argv=[sys.executable, "-m", "meltemi.galley"],
            ready=lambda: accepts(port),
            log=Path(folder) / "galley.log",
            environ={
                "PATH": os.defpath,
                "GALLEY_HTTP_ADDRESS": f"127.0.0.1:{port}",
                "GALLEY_ETCD_ENDPOINTS": etcd.address,
                "GALLEY_NATS_URL": nats.url,
                "GALLEY_ADMIN_TOKEN_FILE": str(token),
            },
        )
        with running(galley):
            yield from asyncio.run(_measured(f"http://127.0.0.1:{port}"))


async def _measured(url: str) -> list[Figure]:
    headers = {"Authorization": "Bearer bench", "Content-Type": "application/yaml"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await _flood(client)
        rate = WRITES / (loop.time() - begun)
        late = await _steady(client)
    return [
        Figure(
            "acknowledged writes, 16 at once",
            rate,
            "1/s",
            THROUGHPUT,
            higher_is_better=True,
        ),
        Figure("latency of a write at 50/s, median", percentile(late, 50) * 1000, "ms"),
        Figure(
            "latency of a write at 50/s, 99 %",
            percentile(late, 99) * 1000,
            "ms",
            LATENCY_MILLISECONDS,
        ),
    ]


async def _flood(client: httpx2.AsyncClient) -> None:
    numbers = iter(range(WRITES))

    async def writer() -> None:
        for number in numbers:
            await _put(client, number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(writer())


async def _steady(client: httpx2.AsyncClient) -> list[float]:
    loop = asyncio.get_running_loop()
    late: list[float] = []

    async def one(number: int) -> None:
        begun = loop.time()
        await _put(client, WRITES + number)
        late.append(loop.time() - begun)

    async with asyncio.TaskGroup() as tasks:
        for number in range(STEADY_SECONDS * STEADY_RATE):
            tasks.create_task(one(number))
            await asyncio.sleep(1 / STEADY_RATE)
    return late


async def _put(client: httpx2.AsyncClient, number: int) -> None:
    path = "/apis/networking.istio.io/v1/namespaces/shop/destinationrules"
    text = RULE.format(n=number)
    answer = await client.put(f"{path}/reviews-{number}", content=text)
    answer.raise_for_status()
