"""Galley as it runs: its own process, a real etcd, a real NATS server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.bus.nats import NatsBus
from meltemi.events.codec import changes_subject, decode_change
from meltemi.testkit.galley_process import BEARER, grounds, started
from meltemi.testkit.processes import Program, running
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from meltemi.events.change import Change
    from meltemi.testkit.processes import EtcdServer

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
HEADERS = {**BEARER, "Content-Type": "application/yaml"}
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
    with grounds(tmp_path) as ground, started(ground.galley()) as made:
        yield Running(made.url, ground.nats, ground.etcd, made.program)


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


async def test_the_example_subscriber_prints_what_is_there_and_each_change_once(
    galley: Running, tmp_path: Path
) -> None:
    log = tmp_path / "subscriber.log"
    example = Path(__file__).parents[3] / "examples/events/subscriber.py"
    argv = [sys.executable, str(example), galley.url, galley.nats]
    lines: list[str] = []

    def printed() -> list[str]:
        told = log.read_text().splitlines() if log.exists() else []
        lines[:] = [line for line in told if " /mesh/" in line]  # others are the log's
        return lines

    async with httpx2.AsyncClient(base_url=galley.url) as client:
        first = await put(client, "old")
        with running(Program(argv, lambda: bool(printed()), log)):
            await until(lambda: len(printed()) == 1)
            second = await put(client, "new")
            gone = await client.delete(f"{RULES}/old", headers=BEARER)
            await until(lambda: len(printed()) >= 3)
    revisions = [
        str(each.json()["metadata"]["resourceVersion"])
        for each in (first, second, gone)
    ]
    assert [line.split()[0] for line in lines] == revisions
    assert [line.split("/")[-1] for line in lines] == [
        "old is now",
        "new is now",
        "old deleted",
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
                if answer.status_code == 200 and "Warning" not in answer.headers:
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


async def test_of_two_writers_with_one_revision_exactly_one_wins_each_round(
    galley: Running,
) -> None:
    async with httpx2.AsyncClient(base_url=galley.url, headers=BEARER) as client:
        revision = (await put(client, "rule")).json()["metadata"]["resourceVersion"]
        for number in range(500):
            answers: list[httpx2.Response] = []

            async def write(host: str, seen: str, into: list[httpx2.Response]) -> None:
                metadata = {"name": "rule", "resourceVersion": seen}
                body = rule_body(metadata, host)
                into.append(await client.put(f"{RULES}/rule", json=body))

            async with asyncio.TaskGroup() as tasks:
                for writer in "ab":
                    host = f"{writer}-{number}"
                    tasks.create_task(write(host, revision, answers))
            codes = sorted(answer.status_code for answer in answers)
            assert codes == [200, 409]
            (won,) = (each for each in answers if each.is_success)
            revision = won.json()["metadata"]["resourceVersion"]


def rule_body(metadata: dict[str, str], host: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata,
        "spec": {"host": host},
    }


async def test_a_batch_its_history_and_its_watch_are_one_revision_of_etcd(
    galley: Running,
) -> None:
    async with httpx2.AsyncClient(base_url=galley.url, headers=BEARER) as client:
        old = (await put(client, "rule-0")).json()["metadata"]["resourceVersion"]
        items = [rule_body({"name": f"rule-{n}"}, "b") for n in range(64)]
        batch = await client.post("/api/v1/batch?atomic=true", json=items)
        revision = batch.json()["metadata"]["resourceVersion"]
        url = f"{RULES}?watch=1&resourceVersion={old}"
        async with client.stream("GET", url) as lines:
            seen: set[tuple[str, str]] = set()
            async for line in lines.aiter_lines():
                event = json.loads(line)
                metadata = event["object"]["metadata"]
                assert metadata["resourceVersion"] == revision
                seen.add((event["type"], metadata["name"]))
                if len(seen) == 64:
                    break
        assert ("MODIFIED", "rule-0") in seen
        history = (await client.get(f"{RULES}/rule-0/history")).json()["items"]
        assert [each["revision"] for each in history] == [revision, old]
        assert (await put(client, "rule-0")).status_code == 200, "it serves on"


async def test_an_acknowledged_write_survives_kill_9_and_no_other_is_torn(
    galley: Running,
) -> None:
    """F-01: batches of ten while Galley dies ten times."""
    acknowledged = 0

    async def write(client: httpx2.AsyncClient, number: int) -> bool:
        items = [rule_body({"name": f"r-{n}"}, f"h-{number}") for n in range(10)]
        try:
            answer = await client.post("/api/v1/batch", json=items)
        except httpx2.HTTPError:
            return False
        return answer.is_success

    async with httpx2.AsyncClient(base_url=galley.url, headers=BEARER) as client:
        number = 0
        for _ in range(10):
            async with asyncio.TaskGroup() as tasks:
                killing = tasks.create_task(asyncio.to_thread(kill_soon, galley))
                while not killing.done():
                    number += 1
                    if await write(client, number):
                        acknowledged = number
            await asyncio.to_thread(galley.program.start)
            found = (await client.get(RULES)).json()["items"]
            hosts = {each["spec"]["host"] for each in found}
            assert len(hosts) <= 1, "a batch is there whole or not at all"
            last = int(hosts.pop().partition("-")[2]) if hosts else 0
            assert last >= acknowledged, "an acknowledged write is there"
    assert acknowledged > 10


def kill_soon(galley: Running) -> None:
    threading.Event().wait(0.2)
    galley.program.kill()


async def test_sigterm_ends_it_in_order(galley: Running) -> None:
    process = galley.program.process
    assert process is not None
    process.terminate()
    assert await asyncio.to_thread(process.wait, 10) == 0
