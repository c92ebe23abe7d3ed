from __future__ import annotations

import asyncio

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


async def test_an_address_in_use_is_named() -> None:
    address = Address("127.0.0.1", free_port())

    with listen(address), pytest.raises(AddressInUseError, match=str(address)):
        await serve_http(FastAPI(), address, stopping=asyncio.Event())
