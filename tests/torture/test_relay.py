"""Writers and relays die two hundred times; nothing goes unannounced (F-14, F-15)."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.bus.nats import NatsBus
from meltemi.config.ledger_keys import config_prefix
from meltemi.events.codec import changes_subject, decode_change
from meltemi.store.connection import RevisionGoneError
from meltemi.store.etcd import EtcdLedger
from meltemi.testkit.follower import Follower
from meltemi.testkit.galley_process import BEARER, grounds, started
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.testkit.processes import Program

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
CHANGES, KILLS, COMPACTIONS = 5_000, 200, 20
RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
PREFIX = config_prefix("default")


class Story:
    """What was acknowledged, and what was rung."""

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.rung: set[int] = set()

    async def write(self, ports: list[int]) -> None:
        rng = Random(11)  # noqa: S311 - a test that repeats itself
        async with httpx2.AsyncClient(headers=BEARER, timeout=5) as client:
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
    story, follower = Story(), Follower()
    with grounds(tmp_path) as ground:
        made = [ground.galley(f"g{n}") for n in range(2)]
        ports, programs = [each.port for each in made], [each.program for each in made]
        with started(made[0]), started(made[1]):
            async with (
                EtcdLedger([ground.etcd.address]) as ledger,
                NatsBus(ground.nats) as bus,
                asyncio.TaskGroup() as tasks,
            ):
                await until(lambda: bus.connected)
                listening = tasks.create_task(story.listen(bus))
                following = tasks.create_task(follower.follow(bus, ledger))
                killing = tasks.create_task(kill_in_turn(story, programs, ledger))
                await story.write(ports)
                await killing
                listing = await ledger.list(PREFIX)
                expected = {entry.key: entry.revision for entry in listing.entries}
                await until(lambda: follower.state == expected)
                await until(lambda: story.acknowledged <= story.rung)
                listening.cancel()
                following.cancel()
    assert len(story.acknowledged) >= CHANGES
    assert len(follower.told) == len(set(follower.told)), "nothing is told twice"
