"""Galley as it runs: its own process, a real etcd, a real NATS server."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.bus.nats import NatsBus
from meltemi.events.codec import changes_subject, decode_change
from meltemi.testkit.processes import (
    Program,
    accepts,
    etcd_server,
    free_port,
    nats_server,
    python,
    running,
)
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from meltemi.events.change import Change
    from meltemi.testkit.processes import EtcdServer

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
HEADERS = {"Authorization": "Bearer secret", "Content-Type": "application/yaml"}
TEXT = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME}
spec: {host: reviews}
"""


@dataclass
class Running:
    """A Galley with what it needs."""

    url: str
    nats: str
    etcd: EtcdServer
    program: Program


@pytest.fixture
def galley(tmp_path: Path) -> Iterator[Running]:
    token = tmp_path / "token"
    token.write_text("secret\n", encoding="ascii")
    port = free_port()
    with etcd_server() as etcd, nats_server() as nats:
        environ = {
            "PATH": os.defpath,
            "GALLEY_HTTP_ADDRESS": f"127.0.0.1:{port}",
            "GALLEY_ETCD_ENDPOINTS": etcd.address,
            "GALLEY_NATS_URL": nats.url,
            "GALLEY_ADMIN_TOKEN_FILE": str(token),
        }
        argv = python("meltemi.galley")
        log = tmp_path / "galley.log"
        program = Program(argv, lambda: accepts(port), log, environ)
        with running(program):
            yield Running(f"http://127.0.0.1:{port}", nats.url, etcd, program)


async def put(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    text = TEXT.replace("NAME", name)
    return await client.put(f"{RULES}/{name}", content=text, headers=HEADERS)


async def test_a_write_is_stored_and_rung(galley: Running) -> None:
    heard: list[Change] = []

    async def listen(bus: NatsBus) -> None:
        async for message in bus.subscribe(changes_subject("default")):
            heard.append(decode_change(message))  # noqa: PERF401 - it never ends

    async with (
        NatsBus(galley.nats) as bus,
        httpx2.AsyncClient(base_url=galley.url) as client,
        asyncio.TaskGroup() as tasks,
    ):
        listening = tasks.create_task(listen(bus))
        with contextlib.suppress(TimeoutError):
            await until(lambda: bus.connected)
        names = [f"rule-{number}" for number in range(5)]
        written = [(await put(client, name)).json() for name in names]
        ready = await client.get("/readyz?verbose")
        assert ready.status_code == 200
        await until(lambda: len(heard) >= 4)  # the first may precede the listening
        listening.cancel()
    revisions = [int(each["metadata"]["resourceVersion"]) for each in written]
    assert [each.revision for each in heard] == revisions[-len(heard) :]
    assert [each.previous for each in heard[1:]] == [
        each.revision for each in heard[:-1]
    ]


async def test_without_etcd_a_write_is_refused_soon_and_leaves_nothing(
    galley: Running,
) -> None:
    async with httpx2.AsyncClient(base_url=galley.url, timeout=10) as client:
        before = (await put(client, "kept")).json()
        galley.etcd.program.kill()
        start = perf_counter()
        refused = await put(client, "lost")
        assert perf_counter() - start < 3
        assert refused.status_code == 503
        assert refused.json()["code"] == "ledger.unavailable"
        galley.etcd.program.start()

        async def back() -> httpx2.Response:
            while True:
                answer = await client.get(RULES)
                if answer.status_code == 200:
                    return answer

        async with asyncio.timeout(20):
            listed = (await back()).json()
        assert [each["metadata"] for each in listed["items"]] == [before["metadata"]]
        again = await put(client, "kept")
        assert again.json()["metadata"] == before["metadata"]


async def test_a_body_of_five_mebibytes_gets_its_answer(galley: Running) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"#" * 65_536

    async with httpx2.AsyncClient(base_url=galley.url, timeout=10) as client:
        for content in (b"#" * 80 * 65_536, chunks()):
            answer = await client.put(f"{RULES}/a", content=content, headers=HEADERS)
            assert answer.status_code == 413


async def test_sigterm_ends_it_in_order(galley: Running) -> None:
    process = galley.program.process
    assert process is not None
    process.terminate()
    assert await asyncio.to_thread(process.wait, 10) == 0
