"""Hostile requests to a real Galley (T5, F-48): refused at once, and for nothing."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest

from meltemi.testkit.galley_process import BEARER, grounds, started
from meltemi.testkit.hostile import HOSTILE, REFUSED, YAML, rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meltemi.testkit.galley_process import GalleyProcess

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
CPU_SECONDS = 0.05
TRIES = 7
"""The cheapest counts: the clock of a process ticks in hundredths of a second, and a
machine that does much else makes everything dear."""
SLOW = 2
"""How much slower than ours a machine may be."""
GROWTH = 48 * 1024 * 1024
"""Bytes: three bodies of the largest size, and what their trees leave behind."""


@pytest.fixture(scope="module")
def galley(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleyProcess]:
    directory: Path = tmp_path_factory.mktemp("galley")
    with grounds(directory) as ground, started(ground.galley()) as made:
        put(made, rules(200), YAML)  # starts the process that reads large bodies
        yield made


def put(
    galley: GalleyProcess, body: bytes, media: str, encoding: str = "identity"
) -> httpx2.Response:
    headers = {**BEARER, "Content-Type": media, "Content-Encoding": encoding}
    url = f"{galley.url}{RULES}/a"
    return httpx2.put(url, content=body, headers=headers, timeout=20, trust_env=False)


def processes(galley: GalleyProcess) -> list[psutil.Process]:
    assert galley.program.process is not None
    first = psutil.Process(galley.program.process.pid)
    return [first, *first.children(recursive=True)]


def cpu(galley: GalleyProcess) -> float:
    times = [each.cpu_times() for each in processes(galley)]
    return sum(each.user + each.system for each in times)


def memory(galley: GalleyProcess) -> int:
    return sum(each.memory_info().rss for each in processes(galley))


def assert_refused(name: str, answer: httpx2.Response) -> None:
    """Find the one reason that it is refused for: another one may have let it pass."""
    told = answer.json()
    codes = {told["code"], *(each["code"] for each in told.get("errors", []))}
    status, code = REFUSED[name]
    assert answer.status_code == status
    assert code in codes


@pytest.mark.parametrize("name", HOSTILE)
def test_case_55_and_t4_a_hostile_body_is_refused_for_nearly_nothing(
    galley: GalleyProcess, name: str
) -> None:
    hostile = HOSTILE[name]()
    alive = [each.pid for each in processes(galley)]
    costs: list[float] = []
    while len(costs) < TRIES and min(costs, default=1.0) > CPU_SECONDS:
        before = cpu(galley)
        answer = put(galley, hostile.body, hostile.media, hostile.encoding)
        costs.append(cpu(galley) - before)
        assert_refused(name, answer)
    assert min(costs) <= CPU_SECONDS * SLOW
    assert [each.pid for each in processes(galley)] == alive, "nobody had to be killed"


def test_t4_a_thousand_hostile_bodies_leave_the_memory_as_it_was(
    galley: GalleyProcess,
) -> None:
    bodies = [make() for make in HOSTILE.values()]
    sizes: list[int] = []
    for _ in range(3):
        for each in bodies:
            put(galley, each.body, each.media, each.encoding)
        sizes.append(memory(galley))
    assert sizes[-1] - sizes[0] < GROWTH


async def test_t5_clients_that_dribble_cost_nobody_anything(
    galley: GalleyProcess,
) -> None:
    """Slow-loris: a hundred headers and bodies that never end."""
    head = f"PUT {RULES}/a HTTP/1.1\r\nHost: localhost\r\n"
    body = f"{head}Content-Type: {YAML}\r\nContent-Length: 99\r\nAuthorization: Bearer secret\r\n\r\n"
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for start in [head, body] * 50:
        reader, writer = await asyncio.open_connection("127.0.0.1", galley.port)
        writer.write(start.encode())
        opened.append((reader, writer))
    before, begun = cpu(galley), perf_counter()
    answer = await asyncio.to_thread(put, galley, rules(1), YAML)
    assert answer.status_code in (409, 422), "its name is not the one of the URL"
    assert perf_counter() - begun < 2
    async with asyncio.timeout(15):
        for reader, writer in opened[::2]:
            assert await reader.read() == b"", "a header that takes too long is cut"
            writer.close()
    assert cpu(galley) - before < 1
    for _, writer in opened[1::2]:
        writer.transport.abort()
