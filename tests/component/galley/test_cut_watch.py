"""Clients of a real Galley on a real etcd, cut off at random while writes go on."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import httpx2

from meltemi.runtime.settings import Address
from meltemi.testkit.galley_process import BEARER, grounds, started
from meltemi.testkit.waiting import until
from meltemi.testkit.watch_client import FORMS, WatchClient

if TYPE_CHECKING:
    from pathlib import Path

RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
KILLS = 100
LONGEST_LIFE = 0.06
"""Seconds: some clients die before they are answered, some amid an event."""


@dataclass
class Watcher:
    """One client in its many lives."""

    form: str
    last: str
    rng: Random
    kills: int = 0
    seen: list[int] = field(default_factory=list[int])

    async def watch(self, address: Address) -> None:
        """Die often, then live on until cancelled."""
        while self.kills < KILLS:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.rng.uniform(0, LONGEST_LIFE)):
                    await self._live(address)
            self.kills += 1
        await self._live(address)

    async def _live(self, address: Address) -> None:
        client = WatchClient(address, self.form)
        async with client.watching("", self.last):
            assert client.status == 200
            while True:
                kind, told = await client.event()
                if kind != "BOOKMARK":
                    self.last = told["metadata"]["resourceVersion"]
                    self.seen.append(int(self.last))


async def write(client: httpx2.AsyncClient, number: int, rng: Random) -> int | None:
    """Write or remove one of a few objects; return the revision that made."""
    name = f"rule-{rng.randrange(5)}"
    if rng.randrange(4) == 0:
        answer = await client.delete(f"{RULES}/{name}")
        if answer.status_code == 404:
            return None
    else:
        body = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": {"name": name},
            "spec": {"host": f"host-{number}"},
        }
        answer = await client.put(f"{RULES}/{name}", json=body)
    assert answer.is_success
    return int(answer.json()["metadata"]["resourceVersion"])


async def test_clients_cut_off_a_hundred_times_see_each_revision_once_in_order(
    tmp_path: Path,
) -> None:
    rng = Random(7)  # noqa: S311 - a test that repeats itself
    written: list[int] = []
    with grounds(tmp_path) as ground, started(ground.galley()) as galley:
        address = Address("127.0.0.1", galley.port)
        async with (
            httpx2.AsyncClient(base_url=galley.url, headers=BEARER) as client,
            asyncio.timeout(100),
            asyncio.TaskGroup() as tasks,
        ):
            start = None
            while start is None:
                start = await write(client, 0, rng)
            watchers = [Watcher(form, str(start), Random(form)) for form in FORMS]  # noqa: S311 - as above
            watching = [tasks.create_task(each.watch(address)) for each in watchers]
            while any(each.kills < KILLS for each in watchers):
                revision = await write(client, len(written), rng)
                written += [] if revision is None else [revision]
            await until(
                lambda: all(each.seen[-1:] == written[-1:] for each in watchers)
            )
            for task in watching:
                task.cancel()
    assert len(written) > KILLS, "writes went on"
    for each in watchers:
        assert each.seen == written, each.form
