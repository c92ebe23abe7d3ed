"""What an agent does with what Galley says, says later, or does not say."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING

import httpx2
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from meltemi.config.starting import Words
from meltemi.proxy.adapters import starting
from meltemi.proxy.adapters.galley_door import GalleyDoor
from meltemi.proxy.adapters.starting import Starting
from meltemi.proxy.settings import AgentSettings
from meltemi.runtime.operations import Readiness, operations
from meltemi.runtime.settings import read_settings
from meltemi.testkit.authority import NOON, REVIEWS, credential
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.galleys import Api, galley_api, listening
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from meltemi.runtime.settings import Address

GROUP = "networking.istio.io/v1beta1"
URL = f"/apis/{GROUP}/namespaces/default/proxyconfigs/all"


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Api, Address]]:
    async with (
        galley_api(folder) as api,
        listening(api.app) as address,
    ):
        yield api, address


async def say(api: Api, workers: int) -> None:
    body = {
        "apiVersion": GROUP,
        "kind": "ProxyConfig",
        "metadata": {"name": "all"},
        "spec": {"concurrency": workers},
    }
    assert (await api.client.put(URL, json=body)).is_success


def environ(folder: Path, galley: Address) -> dict[str, str]:
    nowhere = "127.0.0.1:1"
    return {
        "AGENT_NAME": "reviews-v1",
        "AGENT_SERVICE_ACCOUNT": "bookinfo-reviews",
        "AGENT_CITADEL_BOOTSTRAP": nowhere,
        "AGENT_CITADEL_RENEWAL": nowhere,
        "AGENT_ROOT_CERT_FILE": "/nowhere",
        "AGENT_PILOTS": nowhere,
        "AGENT_GALLEY_URL": f"http://{galley}",
        "AGENT_RUN_DIR": str(folder),
        "AGENT_ADMIN_ADDRESS": nowhere,
        "AGENT_STATUS_ADDRESS": nowhere,
    }


class Agent:
    """The part of an agent that asks, with a certificate."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.environ, clock = variables, StillClock(NOON)
        settings = read_settings(AgentSettings, variables)
        keeper = settings.joining.keeper(REVIEWS, clock, Random(1))  # noqa: S311 - a jitter
        keeper.held = credential(REVIEWS)
        keeper.arrived.set()
        door = GalleyDoor(settings, keeper, clock)
        self.starting, self.keeper = Starting(settings, keeper, door), keeper

    async def workers(self) -> int:
        first = asyncio.create_task(self.keeper.first())  # noqa: TID251 - the agent's
        found = await self.starting.settle(self.environ, first)
        return found.concurrency


async def test_newer_words_are_told_and_wait_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "EVERY_SECONDS", 0.02)
    registry, app = CollectorRegistry(), Starlette()

    def metric() -> float | None:
        return registry.get_sample_value("meltemi_agent_starting_words_outdated")

    async with served(tmp_path) as (api, galley):
        await say(api, 3)
        agent = Agent(environ(tmp_path / "run", galley))
        assert await agent.workers() == 3
        agent.starting.measure(registry)
        told = {"starting": agent.starting.outdated}
        operations(
            app, service="x", readiness=Readiness(), registry=registry, told=told
        )
        async with asyncio.TaskGroup() as tasks:
            comparing = tasks.create_task(agent.starting.compare(Random(1)))  # noqa: S311 - a jitter
            assert metric() == 0
            await say(api, 4)
            await until(lambda: metric() == 1)
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://agent"
            ) as http:
                verbose = await http.get("/readyz?verbose")
                assert verbose.status_code == 200, "it is no reason not to be called"
                assert "[!]starting: the mesh says something else" in verbose.text
                assert "starting" not in (await http.get("/readyz")).text
            await say(api, 3)
            await until(lambda: metric() == 0)
            comparing.cancel()


async def test_the_last_answer_holds_while_galley_is_away(tmp_path: Path) -> None:
    run = tmp_path / "run"
    async with served(tmp_path) as (api, galley):
        await say(api, 3)
        assert await Agent(environ(run, galley)).workers() == 3
    assert await Agent(environ(run, galley)).workers() == 3
    kept = run / "starting.checkpoint"
    kept.write_bytes(kept.read_bytes()[:-1])
    assert await Agent(environ(run, galley)).workers() == 2, "torn is not there"


async def test_words_nobody_can_start_with_leave_the_agents_own(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (api, galley):
        await say(api, 3)
        agent = Agent(environ(tmp_path / "run", galley))
        variables = {"MINIMUM_DRAIN_DURATION": "soon"}
        spec = {"concurrency": 3, "environmentVariables": variables}
        body = {"apiVersion": GROUP, "kind": "ProxyConfig", "spec": spec}
        answer = await api.client.put(URL, json={**body, "metadata": {"name": "all"}})
        assert answer.is_success, answer.text
        assert await agent.workers() == 2


def test_equal_words_are_equal_bytes() -> None:
    assert Words().encode() == Words.decode(Words().encode()).encode()
