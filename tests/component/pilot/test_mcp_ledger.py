"""Configuration from a server of Istio's MCP, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.pilot.adapters.mcp_ledger import McpLedger
from meltemi.pilot.ingest import Ingest, Rhythm, Sources
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.runtime.settings import Address
from meltemi.testkit.processes import free_port
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOURCE = Path(__file__).parents[2] / "bench" / "load" / "mcpsource.py"
NEVER = 3600.0


class Server:
    """A server of configuration that changes on command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()

    async def says(self, word: str) -> str:
        """Return the next line that holds ``word``."""
        assert self._process.stdout
        async with asyncio.timeout(20):
            while True:
                line = (await self._process.stdout.readline()).decode()
                assert line, "the server ended"
                if word in line:
                    return line


@contextlib.asynccontextmanager
async def serving(port: int) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SOURCE),
        *("--port", str(port), "--services", "20", "--virtual-services", "3"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        server = Server(process)
        await server.says("listening")
        yield server
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def following(port: int) -> AsyncIterator[Latest[Mesh]]:
    mesh = Latest(Mesh())
    ledger = McpLedger(Address("127.0.0.1", port), "default", Random(1))  # noqa: S311 - any will do
    sources = Sources(ledger, None, "default")
    ingest = Ingest(sources, mesh, Rhythm(NEVER, NEVER), Random(1), Metrics())  # noqa: S311 - any will do
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(ledger.run()), tasks.create_task(ingest.run())]
        yield mesh
        for each in running:
            each.cancel()


def endpoints(mesh: Latest[Mesh], name: str) -> list[str | None]:
    found = {each.metadata.name: each.spec for each in mesh.value.of(ServiceEntry)}
    return [each.address for each in found[name].endpoints] if name in found else []


async def test_the_mesh_is_what_the_server_says_and_follows_it() -> None:
    port = free_port()
    async with serving(port) as server, following(port) as mesh:
        await until(lambda: len(mesh.value.of(ServiceEntry)) == 20, seconds=10)
        assert len(mesh.value.of(VirtualService)) == 3
        assert endpoints(mesh, "svc-1") == ["10.1.0.2", "10.2.0.2"]
        await server.do("endpoint 1")
        await until(lambda: endpoints(mesh, "svc-1") == ["10.1.0.2", "10.200.0.2"])
        assert '"rejected": false' in await server.says("acked")
        await server.do("add")
        await until(lambda: endpoints(mesh, "new-20") != [])


async def test_what_a_server_said_holds_while_it_is_away_and_it_is_found_again() -> (
    None
):
    port = free_port()
    async with following(port) as mesh:
        async with serving(port):
            await until(lambda: len(mesh.value.of(ServiceEntry)) == 20, seconds=10)
        assert len(mesh.value.of(ServiceEntry)) == 20
        async with serving(port) as again:
            await again.says("watch")
            await again.do("add")
            await until(lambda: len(mesh.value.of(ServiceEntry)) == 21, seconds=10)
