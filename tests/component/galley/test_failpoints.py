"""Galley dies at each step of a write (F-01, F-14): what is acknowledged is there.

A write that got no answer is there whole, with the history it ends, or not at all.
Dead before the transaction it is not there; dead behind it, it is, and it is rung: by
the next Galley, as there is no other, also for those who only listen.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import httpx2
import pytest

from meltemi.bus.nats import NatsBus
from meltemi.config.ledger_keys import config_prefix
from meltemi.events.codec import changes_subject, decode_change
from meltemi.store.etcd import EtcdLedger
from meltemi.testkit.failpoints import Place
from meltemi.testkit.follower import Follower
from meltemi.testkit.galley_process import BEARER, grounds, started
from meltemi.testkit.processes import python
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.testkit.galley_process import Grounds

pytestmark = pytest.mark.timeout(1800)
RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"
ROUNDS, MANY_ROUNDS = 3, 40
LONGEST = 8
"""Writes that a Galley survives at most."""
COMPARED = 8
"""Former versions that are compared: pruning leaves more than these."""
OUTCOMES = {
    Place.BEFORE_TRANSACTION: {"absent"},
    Place.IN_TRANSACTION: {"absent", "present"},
    Place.AFTER_TRANSACTION: {"present"},
    Place.BEFORE_ANSWER: {"present"},
}


@dataclass
class Picture:
    """Objects and their former versions, each told by its host."""

    hosts: dict[str, str] = field(default_factory=dict[str, str])
    former: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict[str, list[str]](list)
    )

    def write(self, name: str, host: str | None) -> None:
        """Replace or, without a host, remove an object."""
        if self.hosts.get(name) == host:
            return
        if name in self.hosts:
            self.former[name].append(self.hosts.pop(name))
        if host is not None:
            self.hosts[name] = host

    def shown(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """Return what can be compared."""
        former = {name: each[-COMPARED:] for name, each in self.former.items() if each}
        return self.hosts, former


async def seen(ledger: EtcdLedger) -> Picture:
    """Return what lies in etcd."""
    picture = Picture()
    for entry in (await ledger.list(config_prefix("default"))).entries:
        name = entry.key.rpartition("/")[2]
        picture.hosts[name] = json.loads(entry.value)["spec"]["host"]
    for entry in (await ledger.list("/mesh/history/v1/default/")).entries:
        name = entry.key.split("/")[-2]
        picture.former[name].append(json.loads(entry.value)["object"]["spec"]["host"])
    return picture


def rule(name: str, host: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name},
        "spec": {"host": host},
    }


class Writer:
    """Writes at random, and knows what should be there."""

    def __init__(self, client: httpx2.AsyncClient, rng: Random) -> None:
        self.client, self.rng = client, rng
        self.picture = Picture()
        """All that was acknowledged."""
        self.asked = Picture()
        """The same, with what was asked last."""
        self._number = 0

    async def write_until_dead(self) -> None:
        """Write until there is no answer."""
        for _ in range(LONGEST * 4):
            self.asked = deepcopy(self.picture)
            try:
                answer = await self._write()
            except httpx2.HTTPError:
                return
            if answer.is_success:
                self.picture = self.asked
            else:
                assert answer.status_code == 404, answer.text
        raise AssertionError("the failpoint was never reached")

    async def _write(self) -> httpx2.Response:
        name, host = self._name(), self._host()
        match self.rng.randrange(6):
            case 0:
                self.asked.write(name, None)
                return await self.client.delete(f"{RULES}/{name}")
            case 1 if self.asked.former[name] and name in self.asked.hosts:
                return await self._roll_back(name)
            case 2 | 3:
                return await self._batch(host)
            case _:
                self.asked.write(name, host)
                return await self.client.put(f"{RULES}/{name}", json=rule(name, host))

    async def _roll_back(self, name: str) -> httpx2.Response:
        history = (await self.client.get(f"{RULES}/{name}/history")).json()["items"]
        former = next(each for each in history[1:] if each["object"] is not None)
        self.asked.write(name, former["object"]["spec"]["host"])
        url = f"{RULES}/{name}/rollback?revision={former['revision']}"
        return await self.client.post(url)

    async def _batch(self, host: str) -> httpx2.Response:
        items: list[dict[str, object]] = []
        for name in self.rng.sample([f"rule-{n}" for n in range(9)], 5):
            gone = name in self.asked.hosts and self.rng.randrange(3) == 0
            self.asked.write(name, None if gone else host)
            operation = "delete" if gone else "apply"
            items.append({"operation": operation, "object": rule(name, host)})
        return await self.client.post("/api/v1/batch?atomic=true", json=items)

    def _name(self) -> str:
        return f"rule-{self.rng.randrange(9)}"

    def _host(self) -> str:
        self._number += 1
        return f"host-{self._number}"


async def die_once(ground: Grounds, writer: Writer, place: Place) -> None:
    """Write to a Galley that dies at ``place`` after a random number of writes."""
    number = str(writer.rng.randint(1, LONGEST))
    argv = [*python("meltemi.testkit.failpoints"), place, number]
    with started(ground.galley(argv=argv)) as galley:
        writer.client.base_url = galley.url
        await writer.write_until_dead()
        process = galley.program.process
        assert process is not None
        assert await asyncio.to_thread(process.wait, 10) == -9


async def listen(bus: NatsBus, rung: set[int]) -> None:
    """Hear what is rung, as whoever knows no ledger does."""
    async for message in bus.subscribe(changes_subject("default")):
        rung.add(decode_change(message).revision)


async def kills(directory: Path, place: Place, rounds: int) -> None:
    outcomes: set[str] = set()
    follower, rung = Follower(), set[int]()
    with grounds(directory) as ground:
        async with (
            EtcdLedger([ground.etcd.address]) as ledger,
            NatsBus(ground.nats) as bus,
            httpx2.AsyncClient(headers=BEARER) as client,
            asyncio.TaskGroup() as tasks,
        ):
            await until(lambda: bus.connected)
            hearing = [
                tasks.create_task(follower.follow(bus, ledger)),
                tasks.create_task(listen(bus, rung)),
            ]
            writer = Writer(client, Random(place))  # noqa: S311 - repeats itself
            for _ in range(rounds):
                await die_once(ground, writer, place)
                found = await seen(ledger)
                absent = found.shown() == writer.picture.shown()
                assert absent or found.shown() == writer.asked.shown(), "torn or lost"
                outcomes.add("absent" if absent else "present")
                writer.picture = found
            with started(ground.galley()):
                listing = await ledger.list(config_prefix("default"))
                expected = {entry.key: entry.revision for entry in listing.entries}
                await until(lambda: follower.state == expected)
                await until(lambda: rung >= set(expected.values()))
            for each in hearing:
                each.cancel()
    assert outcomes <= OUTCOMES[place]


@pytest.mark.parametrize("place", Place)
async def test_a_death_amid_a_write_neither_loses_nor_tears(
    tmp_path: Path, place: Place
) -> None:
    await kills(tmp_path, place, ROUNDS)


@pytest.mark.full
@pytest.mark.parametrize("place", Place)
async def test_forty_deaths_at_each_place_neither_lose_nor_tear(
    tmp_path: Path, place: Place
) -> None:
    await kills(tmp_path, place, MANY_ROUNDS)
