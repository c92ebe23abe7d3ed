from __future__ import annotations

import asyncio
import socket

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from meltemi.runtime.http import AddressInUseError, listen, serve_http
from meltemi.runtime.settings import Address
from meltemi.testkit.processes import free_port


async def test_requests_are_answered_until_told_to_stop_and_then_finished() -> None:
    app, address = FastAPI(), Address("127.0.0.1", free_port())
    asked, release = asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        asked.set()
        await release.wait()
        return "done"

    stopping, started = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_http(app, address, stopping=stopping, started=started))
        await started.wait()
        async with AsyncClient() as client:
            answer = tasks.create_task(client.get(f"http://{address}/slow"))
            await asked.wait()
            stopping.set()
            release.set()
            assert (await answer).json() == "done"


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.1", "localhost", 200),
        ("127.0.0.1", "evil.example", 421),
        ("0.0.0.0", "galley.example", 200),  # noqa: S104 - a network's names are many
    ],
)
async def test_on_loopback_only_this_machine_is_meant(
    bound: str, host: str, status: int
) -> None:
    app, address = FastAPI(), Address(bound, free_port())

    @app.get("/")
    async def page() -> str:
        return "<script>"

    stopping, started = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_http(app, address, stopping=stopping, started=started))
        await started.wait()
        async with AsyncClient() as client:
            url = f"http://127.0.0.1:{address.port}/"
            answer = await client.get(url, headers={"host": host})
        stopping.set()
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_address_in_use_is_named() -> None:
    address = Address("127.0.0.1", free_port())

    with listen(address), pytest.raises(AddressInUseError, match=str(address)):
        await serve_http(FastAPI(), address, stopping=asyncio.Event())


async def test_answers_are_not_held_back_for_a_late_acknowledgement() -> None:
    address = Address("127.0.0.1", free_port())
    seen: list[int] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        seen.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(note, sock=listen(address)):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        await reader.read()
        writer.close()
    assert seen == [1]
