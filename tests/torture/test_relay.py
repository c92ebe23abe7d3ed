"""Writers and relays die two hundred times; nothing goes unannounced (F-14, F-15)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from random import Random
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.bus.nats import NatsBus
from meltemi.bus.subscribe import Present, Subscription
from meltemi.config.ledger_keys import config_prefix
from meltemi.events.codec import changes_subject, decode_change
from meltemi.store.connection import RevisionGoneError
from meltemi.store.etcd import EtcdLedger
from meltemi.testkit.processes import (
    Program,
    etcd_server,
    free_port,
    nats_server,
    python,
    running,
)
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
CHANGES, KILLS, COMPACTIONS = 5_000, 200, 20
RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
HEADERS = {"Authorization": "Bearer secret"}
PREFIX = config_prefix("default")


def ready(port: int) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        url = f"http://127.0.0.1:{port}/readyz"
        return httpx2.get(url, timeout=1, trust_env=False).is_success
    return False


def galley(name: str, directory: Path, etcd: str, nats: str) -> tuple[int, Program]:
    token, port = directory / "token", free_port()
    token.write_text("secret\n", encoding="ascii")
    environ = {
        "PATH": os.defpath,
        "GALLEY_NAME": name,
        "GALLEY_HTTP_ADDRESS": f"127.0.0.1:{port}",
        "GALLEY_ETCD_ENDPOINTS": etcd,
        "GALLEY_NATS_URL": nats,
        "GALLEY_ADMIN_TOKEN_FILE": str(token),
    }
    argv = python("meltemi.galley")
    return port, Program(argv, lambda: ready(port), directory / name, environ)


class Story:
    """What was acknowledged, what was rung, and what a subscriber made of it."""

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.rung: set[int] = set()
        self.state: dict[str, int] = {}
        self.told: list[tuple[str, int]] = []

    async def write(self, ports: list[int]) -> None:
        rng = Random(11)  # noqa: S311 - a test that repeats itself
        async with httpx2.AsyncClient(headers=HEADERS, timeout=5) as client:
            while len(self.acknowledged) < CHANGES:
                name = f"rule-{rng.randrange(40)}"
                body = {
                    "apiVersion": "networking.istio.io/v1",
                    "kind": "DestinationRule",
                    "metadata": {"name": name},
                    "spec": {"host": f"host-{rng.randrange(10**9)}"},
                }
                url = f"http://127.0.0.1:{rng.choice(ports)}{RULES}/{name}"
                try:
                    if rng.randrange(10):
                        answer = await client.put(url, json=body)
                    else:
                        answer = await client.delete(url)
                except httpx2.HTTPError:
                    continue  # killed: what it did is not known
                if answer.is_success:
                    metadata = answer.json()["metadata"]
                    self.acknowledged.add(int(metadata["resourceVersion"]))

    async def listen(self, bus: NatsBus) -> None:
        async for message in bus.subscribe(changes_subject("default")):
            self.rung.add(decode_change(message).revision)

    async def follow(self, bus: NatsBus, ledger: EtcdLedger) -> None:
        async def present() -> Present:
            listing = await ledger.list(PREFIX)
            found = {e.key: (e.revision, e.value) for e in listing.entries}
            return Present(listing.epoch, listing.revision, found)

        async with Subscription(bus, "default", present) as subscription:
            async for update in subscription.updates():
                self.told.append((update.ledger_key, update.revision))
                if update.value is None:
                    del self.state[update.ledger_key]
                else:
                    self.state[update.ledger_key] = update.revision


async def kill_in_turn(
    story: Story, programs: list[Program], ledger: EtcdLedger
) -> None:
    """Kill one, wait for it to be back, kill the other: one always follows."""
    for number in range(KILLS):
        goal = number * CHANGES // KILLS
        await until(lambda: len(story.acknowledged) >= goal, seconds=300)  # noqa: B023 - awaited here
        program = programs[number % 2]
        await asyncio.to_thread(program.kill)
        await asyncio.to_thread(program.start)
        if number % (KILLS // COMPACTIONS) == 0:
            head = (await ledger.list(PREFIX)).revision
            with contextlib.suppress(RevisionGoneError):  # asked twice, done once
                await ledger.compact(head)


async def test_nothing_acknowledged_goes_unannounced(tmp_path: Path) -> None:
    story = Story()
    with etcd_server() as etcd, nats_server() as nats:
        made = [galley(f"g{n}", tmp_path, etcd.address, nats.url) for n in range(2)]
        ports, programs = [each[0] for each in made], [each[1] for each in made]
        with running(programs[0]), running(programs[1]):
            async with (
                EtcdLedger([etcd.address]) as ledger,
                NatsBus(nats.url) as bus,
                asyncio.TaskGroup() as tasks,
            ):
                await until(lambda: bus.connected)
                listening = tasks.create_task(story.listen(bus))
                following = tasks.create_task(story.follow(bus, ledger))
                killing = tasks.create_task(kill_in_turn(story, programs, ledger))
                await story.write(ports)
                await killing
                listing = await ledger.list(PREFIX)
                expected = {entry.key: entry.revision for entry in listing.entries}
                await until(lambda: story.state == expected)
                await until(lambda: story.acknowledged <= story.rung)
                listening.cancel()
                following.cancel()
    assert len(story.acknowledged) >= CHANGES
    assert len(story.told) == len(set(story.told)), "nothing is told twice"
