from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI

from meltemi.runtime import patience
from meltemi.runtime.http import serve_http
from meltemi.runtime.settings import Address
from meltemi.testkit.processes import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.timeout(30)
REQUEST = b"GET /docs HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    here = Address("127.0.0.1", free_port())
    stopping, started = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve_http(FastAPI(), here, stopping=stopping, started=started)
        )
        await started.wait()
        yield here
        stopping.set()


async def answer(address: Address, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(sent)
    try:
        async with asyncio.timeout(10):
            return await reader.read(100)
    finally:
        writer.close()


async def test_a_header_that_never_ends_is_cut_at_its_deadline(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.1)
    assert await answer(address, REQUEST) == b"", "the connection ends"
    assert await answer(address, b"") == b"", "so does one that says nothing"
    assert (await answer(address, REQUEST + b"\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "flood",
    [b"X: y\r\n" * 101, b"X: " + b"y" * 33_000 + b"\r\n\r\n"],
    ids=["many", "long"],
)
async def test_a_flood_of_headers_is_refused(address: Address, flood: bytes) -> None:
    assert (await answer(address, REQUEST + flood)).startswith(b"HTTP/1.1 400")


async def test_a_header_without_end_is_cut_before_it_fills_the_memory(
    address: Address,
) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(REQUEST + b"X: ")
    with contextlib.suppress(ConnectionError):
        for _ in range(1_000):
            writer.write(b"y" * 65_536)
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        assert await reader.read(1) == b""
    assert reader.at_eof() or reader.exception() is not None
    writer.close()


async def test_one_address_has_so_many_connections_and_no_more(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "CONNECTIONS", 3)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            stack.callback(writer.close)
            writer.write(REQUEST + b"\r\n")
            assert (await reader.read(20)).startswith(b"HTTP/1.1 200")
        refused = await answer(address, REQUEST + b"\r\n")
        assert refused.startswith(b"HTTP/1.1 429")
