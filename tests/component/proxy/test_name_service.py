"""Names of the mesh from a Pilot to a resolver, and after everybody has died."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest
from envoy.config.core.v3.base_pb2 import Node
from google.protobuf.json_format import ParseDict
from prometheus_client import CollectorRegistry

from meltemi.proxy.adapters import nameservers
from meltemi.proxy.adapters.dial import dial_plain
from meltemi.proxy.adapters.following import Pilots
from meltemi.proxy.adapters.name_service import NameService
from meltemi.proxy.bootstrap import node_of
from meltemi.proxy.ring import PilotRing
from meltemi.testkit.agents import agent_settings, local
from meltemi.testkit.dns import Reply, question, taken_apart
from meltemi.testkit.fakes.nameserver import asked_over_udp
from meltemi.testkit.pilots import REVIEWS, PilotAlone, connected
from meltemi.testkit.waiting import eventually, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from meltemi.proxy.settings import AgentSettings


class Agent:
    """The part of an agent that answers for names, and who asks it."""

    def __init__(self, directory: Path, plane: PilotAlone, **given: object) -> None:
        (directory / "run").mkdir(exist_ok=True)
        resolv_conf = directory / "resolv.conf"
        resolv_conf.write_text("nameserver 127.0.0.2\n")
        self.at = local()
        self.settings: AgentSettings = agent_settings(
            directory,
            pilots=(plane.settings.xds_address,),
            dns_addresses=(self.at,),
            dns_resolv_conf=resolv_conf,
            **given,
        )
        node = ParseDict(node_of(self.settings), Node())
        ring = PilotRing(self.settings.pilots, node.id)
        pilots = Pilots(ring, dial_plain, node, Random(1))  # noqa: S311 - a jitter
        self.part = NameService(self.settings, pilots, CollectorRegistry())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.part.run())
            await asyncio.sleep(0)  # its first step is to listen
            yield
            running.cancel()

    async def ask(self, host: str) -> Reply:
        raw = await asked_over_udp(self.at.host, self.at.port, question(host))
        return taken_apart(raw)

    async def resolves(self, host: str) -> bool:
        return bool((await self.ask(host)).values)


@pytest.fixture
async def plane() -> PilotAlone:
    """Return a Pilot that is not running, whose ledger knows of reviews."""
    made = PilotAlone()
    await made.write(REVIEWS)
    return made


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nameservers, "LIMIT_SECONDS", 0.2)


async def test_names_come_from_a_pilot_and_follow_it(
    plane: PilotAlone, tmp_path: Path
) -> None:
    agent = Agent(tmp_path, plane)
    async with plane.running() as channel:
        await connected(channel)
        async with agent.running():
            await eventually(lambda: agent.resolves("reviews"))
            assert (await agent.ask("ratings")).code == 2, "there is no nameserver"
            await plane.write(REVIEWS.replace("reviews", "ratings"))
            await eventually(lambda: agent.resolves("ratings.default"))


async def told(plane: PilotAlone, directory: Path) -> tuple[Path, list[str]]:
    """Run Pilot and agent until names are on disk; return where, and those of reviews.

    Both have ended by then.
    """
    agent = Agent(directory, plane)
    file = agent.settings.run_dir / "names.checkpoint"
    async with plane.running() as channel:
        await connected(channel)
        async with agent.running():
            await eventually(lambda: agent.resolves("reviews"))
            await until(file.exists)
            return file, (await agent.ask("reviews")).values


async def test_an_agent_that_starts_with_everybody_dead_answers_as_before(
    plane: PilotAlone, tmp_path: Path
) -> None:
    _, before = await told(plane, tmp_path)
    again = Agent(tmp_path, plane)
    async with again.running():
        assert (await again.ask("reviews")).values == before


@pytest.mark.parametrize("harm", ["torn", "another"])
async def test_names_that_are_not_its_own_and_whole_are_not_used(
    plane: PilotAlone, tmp_path: Path, harm: str
) -> None:
    file, _ = await told(plane, tmp_path)
    if harm == "torn":
        file.write_bytes(file.read_bytes()[:-1])
    name = "reviews-v1" if harm == "torn" else "reviews-v2"
    again = Agent(tmp_path, plane, name=name)
    async with again.running():
        assert (await again.ask("reviews")).code == 2
