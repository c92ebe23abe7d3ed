"""Ingest against a ledger and a bell in memory: nothing is missed, whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import ledger_key
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.events.change import Change, Heartbeat, Operation
from meltemi.events.codec import encode_beat, encode_change
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.ingest import Ingest, Rhythm, Sources
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.store.ports import Write
from meltemi.testkit.fakes.bus import MemoryBus
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.mesh import resources
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NEVER = 3600.0


def service(name: str) -> str:
    return f"""
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {{name: {name}}}
    spec:
      hosts: [{name}.example.com]
      resolution: DNS
      ports: [{{number: 80, name: http, protocol: HTTP}}]
    """


class Plane:
    """An ingest and what it listens to."""

    def __init__(self) -> None:
        self.ledger, self.bus = MemoryLedger(), MemoryBus()
        self.mesh, self.metrics = Latest(Mesh()), Metrics()
        self.announced = Revision(0)

    @contextlib.asynccontextmanager
    async def running(
        self, *, silence: float = NEVER, anti_entropy: float = NEVER
    ) -> AsyncIterator[None]:
        """Run the ingest; by default it trusts the bell alone."""
        ingest = Ingest(
            Sources(self.ledger, self.bus, "default"),
            self.mesh,
            Rhythm(silence, anti_entropy),
            Random(1),  # noqa: S311 - any will do
            self.metrics,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(ingest.run())
            await until(lambda: ingest.ready and self.bus.listeners == 2)
            self.announced = self.ledger.head
            yield
            running.cancel()

    async def write(self, name: str, *, ring: bool = True) -> None:
        """Store a service, and tell of it as a relay would."""
        (made,) = resources(service(name))
        key, value = ledger_key("default", made.key), stored(made)
        revision = await self.ledger.commit([Write(key, value)])
        if ring:
            await self.bus.publish(
                encode_change(
                    Change(
                        epoch=self.ledger.epoch,
                        previous=self.announced,
                        revision=revision,
                        operation=Operation.CREATED,
                        ledger_key=key,
                        value=value,
                    )
                )
            )
        self.announced = revision

    async def beat(self) -> None:
        beat = Heartbeat(self.ledger.epoch, self.announced, "relay")
        await self.bus.publish(encode_beat("default", beat))

    def names(self) -> list[str]:
        return sorted(each.metadata.name for each in self.mesh.value.of(ServiceEntry))

    def resyncs(self, reason: str) -> float:
        found = self.metrics.registry.get_sample_value(
            "meltemi_pilot_resyncs_total", {"reason": reason}
        )
        return found or 0.0


@pytest.fixture
def plane() -> Plane:
    return Plane()


async def test_what_is_there_at_the_start_is_read(plane: Plane) -> None:
    await plane.write("a", ring=False)
    async with plane.running():
        await until(lambda: plane.names() == ["a"])


async def test_a_ring_is_enough(plane: Plane) -> None:
    async with plane.running():
        await plane.write("a")
        await until(lambda: plane.names() == ["a"])
        assert plane.mesh.value.revision == plane.ledger.head
        assert plane.resyncs("gap") == 0


async def test_a_ring_that_was_lost_is_noticed_by_the_next(plane: Plane) -> None:
    async with plane.running():
        await plane.write("lost", ring=False)
        await plane.write("heard")
        await until(lambda: plane.names() == ["heard", "lost"])
        assert plane.resyncs("gap") == 1


async def test_a_lost_last_ring_is_noticed_by_the_heartbeats(plane: Plane) -> None:
    async with plane.running():
        await plane.write("lost", ring=False)
        await plane.beat()
        await plane.beat()
        await until(lambda: plane.names() == ["lost"])
        assert plane.resyncs("behind") == 1


async def test_without_a_bell_the_ledger_is_watched(plane: Plane) -> None:
    async with plane.running(silence=0.05):
        await until(
            lambda: plane.metrics.registry.get_sample_value("meltemi_pilot_direct") == 1
        )
        await plane.write("a", ring=False)
        await until(lambda: plane.names() == ["a"])
        await plane.beat()
        await until(
            lambda: plane.metrics.registry.get_sample_value("meltemi_pilot_direct") == 0
        )


async def test_silent_loss_is_repaired_by_comparing(plane: Plane) -> None:
    async with plane.running(anti_entropy=0.05):
        await plane.write("lost", ring=False)
        await until(lambda: plane.names() == ["lost"])


async def test_an_absent_ledger_is_waited_for(plane: Plane) -> None:
    await plane.write("a", ring=False)
    plane.ledger.available = False
    ingest = Ingest(
        Sources(plane.ledger, plane.bus, "default"),
        plane.mesh,
        Rhythm(NEVER, NEVER),
        Random(1),  # noqa: S311 - any will do
        plane.metrics,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(ingest.run())
        await until(lambda: plane.bus.listeners == 2)
        assert not ingest.ready, "an empty mesh would be an outage (F-23)"
        plane.ledger.recover()
        await until(lambda: plane.names() == ["a"])
        running.cancel()


async def test_nonsense_on_the_bell_changes_nothing(plane: Plane) -> None:
    async with plane.running():
        await plane.write("a")
        await until(lambda: plane.names() == ["a"])
        message = encode_beat(
            "default", Heartbeat(plane.ledger.epoch, Revision(1), "relay")
        )
        await plane.bus.publish(
            type(message)("mesh.cfg.v1.default.x.y.deleted.z", {}, b"nonsense")
        )
        await plane.bus.publish(type(message)(message.subject, {}, b"nonsense"))
        await plane.write("b")
        await until(lambda: plane.names() == ["a", "b"])


BURST = 100_000


async def test_case_33_a_storm_on_the_bell_ends_in_what_the_ledger_holds(
    plane: Plane,
) -> None:
    """Repeated, reordered, forged: each is one of a hundred thousand messages."""
    rng = Random(33)  # noqa: S311 - an order
    async with plane.running(anti_entropy=0.2):
        for name in ("a", "b", "c", "d"):
            await plane.write(name)
        true = list(plane.bus.published)
        far, false = Revision(2**40), service("forged")
        (made,) = resources(false)
        key, value = ledger_key("default", made.key), stored(made)
        forged = [
            encode_change(
                Change(
                    epoch=epoch,
                    previous=previous,
                    revision=Revision(previous + 1),
                    operation=Operation.CREATED,
                    ledger_key=key,
                    value=value,
                )
            )
            for epoch, previous in (
                (plane.ledger.epoch, far),
                (Epoch("beef"), plane.ledger.head),
                (plane.ledger.epoch, Revision(plane.ledger.head + 5)),
            )
        ]
        before = plane.mesh.generation
        for number in range(BURST):
            await plane.bus.publish(rng.choice([*true, *forged]))
            if number % 1_000 == 0:
                await asyncio.sleep(0)
        await plane.write("e")
        await until(lambda: plane.names() == ["a", "b", "c", "d", "e"])
        assert plane.mesh.value.revision == plane.ledger.head
        assert plane.mesh.generation - before < BURST / 1_000, "few were news"


async def test_case_33_without_the_bus_the_state_is_the_ledgers(plane: Plane) -> None:
    async with plane.running(silence=0.05):
        plane.bus.connected = False
        await plane.write("a", ring=False)
        await until(lambda: plane.names() == ["a"])
        plane.bus.connected = True
        await plane.write("b")
        await until(lambda: plane.names() == ["a", "b"])
