"""An application's health on its way to the registrar: what is found, who is told."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from meltemi.config.probe_text import read_probe
from meltemi.proxy.adapters.galley_door import RegistrationError
from meltemi.proxy.adapters.health_watch import HealthWatch
from meltemi.proxy.adapters.probing import Prober
from meltemi.proxy.health.probe import places
from meltemi.testkit.processes import free_port
from meltemi.testkit.shop import open_shop
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from meltemi.config.schema.workload_group import ReadinessProbe


class Told:
    """A registrar that remembers what it was told, and a group that says things."""

    def __init__(self, *said: ReadinessProbe | Exception | None) -> None:
        self.said = list(said)
        self.reads = 0
        self.heard: list[bool | None] = []
        self.registry = CollectorRegistry()

    def report(self, *, well: bool | None) -> None:
        self.heard.append(well)

    async def read(self) -> ReadinessProbe | None:
        self.reads += 1
        found = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def gauge(self) -> float | None:
        return self.registry.get_sample_value("meltemi_agent_application_healthy")


@contextlib.asynccontextmanager
async def watching(
    told: Told, by: ReadinessProbe | None = None
) -> AsyncIterator[HealthWatch]:
    """Watch by a probe of this machine, or by the group."""
    prober = Prober(places(None))
    watch = HealthWatch(by or told, prober, told.report, told.registry)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.watch())
        yield watch
        task.cancel()
    await prober.close()


def health(port: int, **more: int) -> ReadinessProbe:
    return read_probe({"httpGet": {"path": "/health", "port": port}, **more})


QUICK = {"periodSeconds": 1, "failureThreshold": 2}


async def test_each_change_is_told_once() -> None:
    told = Told(None)
    with open_shop() as shop:
        async with watching(told, health(shop.server_port, **QUICK)):
            await until(lambda: told.heard == [True])
            assert told.gauge == 1
            shop.well = False
            await until(lambda: told.heard == [True, False], seconds=5)
            assert told.gauge == 0
            shop.well = True
            await until(lambda: told.heard == [True, False, True], seconds=5)


async def test_what_starts_is_told_of_as_not_well_and_looked_at_every_second() -> None:
    told = Told(None)
    with open_shop() as shop:
        shop.well = False
        async with watching(told, health(shop.server_port)):
            await until(lambda: told.heard == [False])
            shop.well = True
            await until(lambda: told.heard == [False, True], seconds=3)


async def test_behind_a_proxy_that_is_not_ready_nothing_is_well() -> None:
    told = Told(None)
    with open_shop() as shop:
        async with watching(told, health(shop.server_port, **QUICK)) as watch:
            watch.proxy = lambda: "no listeners"
            await until(lambda: bool(told.heard) and told.heard[-1] is False, seconds=5)


async def test_a_group_is_asked_again_until_it_says_how() -> None:
    with open_shop() as shop:
        told = Told(RegistrationError("away"), health(shop.server_port))
        async with watching(told):
            await until(lambda: told.heard == [True])
    assert told.reads == 2


async def test_a_change_of_the_group_is_followed_without_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("meltemi.proxy.adapters.health_watch.GROUP_SECONDS", 0.05)
    with open_shop() as shop:
        first = health(shop.server_port)
        gone = health(free_port(), **QUICK)
        told = Told(first, first, gone)
        async with watching(told):
            await until(lambda: told.heard == [True])
            await until(lambda: told.heard[-1] is False, seconds=5)
            assert told.heard == [True, True, False], "well until found otherwise"
            told.said = [None]
            await until(lambda: told.heard[-1] is None)
            assert told.gauge == 1, "nobody looks any more"


async def test_by_a_probe_that_is_refused_nothing_is_well() -> None:
    told = Told(ValueError("a WorkloadGroup starts no program here"))
    async with watching(told):
        await until(lambda: told.heard == [False])
        assert told.gauge == 0
