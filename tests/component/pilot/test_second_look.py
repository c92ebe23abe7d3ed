"""What vanishes at once is looked at twice before a proxy loses it."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import TYPE_CHECKING

from meltemi.config.canonical import stored
from meltemi.config.ledger_keys import config_prefix, ledger_key
from meltemi.pilot.ingest import Ingest, Rhythm, Sources
from meltemi.pilot.latest import Latest
from meltemi.pilot.metrics import Metrics
from meltemi.pilot.model.mesh import Mesh
from meltemi.store.ports import Listing, Write
from meltemi.testkit.fakes.ledger import MemoryLedger
from meltemi.testkit.mesh import resources
from meltemi.testkit.small_mesh import service
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meltemi.store.ports import Page

MANY = 20
NEVER = 3600.0


class Stumbling(MemoryLedger):
    """A ledger that, so many times, lists nothing although it has it all."""

    def __init__(self) -> None:
        super().__init__()
        self.blank, self.listings, self.refused = 0, 0, 0

    async def list(
        self, prefix: str, *, keys_only: bool = False, page: Page | None = None
    ) -> Listing:
        self.refused += not self.available
        found = await super().list(prefix, keys_only=keys_only, page=page)
        if prefix != config_prefix("default"):
            return found
        self.listings += 1
        if not self.blank:
            return found
        self.blank -= 1
        return Listing(found.epoch, found.revision, (), 0)


class Shown(Latest[Mesh]):
    """What proxies were shown: how many services, each time."""

    def __init__(self) -> None:
        super().__init__(Mesh())
        self.counts: list[int] = []

    def set(self, value: Mesh) -> None:
        stored = value.kinds.get("ServiceEntry")
        named = stored.by_namespace.values() if stored else ()
        self.counts.append(sum(map(len, named)))
        super().set(value)


class Plane:
    """An ingest that follows a ledger without a bell, and compares every so often."""

    def __init__(self) -> None:
        self.ledger, self.shown, self.metrics = Stumbling(), Shown(), Metrics()

    async def write(self, *names: str, there: bool = True) -> None:
        """Store services, or take them away, in one revision."""
        made = [each for name in names for each in resources(service(name))]
        await self.ledger.commit(
            [
                Write(ledger_key("default", each.key), stored(each) if there else None)
                for each in made
            ]
        )

    @contextlib.asynccontextmanager
    async def running(self, anti_entropy: float = NEVER) -> AsyncIterator[None]:
        """Run the ingest once there are many services."""
        await self.write(*(f"s{number}" for number in range(MANY)))
        ingest = Ingest(
            Sources(self.ledger, None, "default"),
            self.shown,
            Rhythm(NEVER, anti_entropy),
            Random(1),  # noqa: S311 - any will do
            self.metrics,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(ingest.run())
            await until(lambda: self.shown.counts[-1:] == [MANY])
            yield
            running.cancel()

    def held(self) -> float:
        """Return how often something was held back."""
        found = self.metrics.registry.get_sample_value("meltemi_pilot_shrinks_total")
        return found or 0.0


async def test_a_source_that_lists_nothing_for_a_moment_empties_nobody() -> None:
    plane = Plane()
    async with plane.running(anti_entropy=0.3):
        plane.ledger.blank = 1
        await until(lambda: plane.held() == 1)
        await plane.write("later")
        await until(lambda: plane.shown.counts[-1] == MANY + 1)
        assert min(plane.shown.counts) == MANY


async def test_all_that_was_deleted_is_gone_after_a_second_look() -> None:
    plane = Plane()
    async with plane.running():
        looked = plane.ledger.listings
        await plane.write(*(f"s{number}" for number in range(MANY)), there=False)
        await until(lambda: plane.shown.counts[-1] == 0)
        assert plane.held() == 1
        assert plane.ledger.listings == looked + 1
        assert plane.shown.value.revision == plane.ledger.head


async def test_as_long_as_the_ledger_is_away_what_there_was_is_right() -> None:
    plane = Plane()
    async with plane.running():
        await plane.write(*(f"s{number}" for number in range(MANY)), there=False)
        await until(lambda: plane.held() == 1)
        plane.ledger.available = False
        await until(lambda: plane.ledger.refused >= 2)
        assert plane.shown.counts[-1] == MANY
        plane.ledger.available = True
        await until(lambda: plane.shown.counts[-1] == 0)


async def test_a_few_that_go_are_gone_at_once() -> None:
    plane = Plane()
    async with plane.running():
        await plane.write(*(f"s{number}" for number in range(MANY // 2)), there=False)
        await until(lambda: plane.shown.counts[-1] == MANY // 2)
        assert plane.held() == 0


async def test_who_shrinks_twice_is_looked_at_twice() -> None:
    plane = Plane()
    async with plane.running():
        await plane.write(*(f"s{number}" for number in range(MANY)), there=False)
        await until(lambda: plane.shown.counts[-1] == 0)
        await plane.write(*(f"t{number}" for number in range(MANY)))
        await until(lambda: plane.shown.counts[-1] == MANY)
        await plane.write(*(f"t{number}" for number in range(MANY)), there=False)
        await until(lambda: plane.shown.counts[-1] == 0)
        assert plane.held() == 2
