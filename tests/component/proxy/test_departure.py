"""How a proxy goes, with parts that write down what they are told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from meltemi.kernel.clock import SystemClock
from meltemi.proxy.adapters.departure import Departure, Drain
from meltemi.proxy.adapters.envoy_admin import EnvoyAwayError
from meltemi.testkit.fakes.clock import StillClock
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.kernel.clock import Clock

OPEN = "listener.in.downstream_cx_active"
PATIENT = Drain(longest=30, until_idle=True, shortest=0, inbound_only=True)


class Story:
    """An Envoy, its admin interface, and the registrar: what they did, in order."""

    def __init__(self, drain: Drain, clock: Clock | None = None) -> None:
        self.told: list[str] = []
        self.connections: int | None = 1
        self.asked = 0
        self.ended = asyncio.Event()
        self.departure = Departure(drain, self, self, self, clock or SystemClock())

    @property
    def is_running(self) -> bool:
        return not self.ended.is_set()

    async def gone(self) -> None:
        await self.ended.wait()

    async def leave(self) -> None:
        assert self.departure.trouble() is None, "ready until it has left"
        self.told.append("leave")

    async def drain(self, *, inbound_only: bool, stay: bool) -> None:
        assert self.departure.trouble(), "not ready any more"
        self.told.append(f"drain {inbound_only=} {stay=}")

    async def connection_stats(self) -> dict[str, int]:
        self.asked += 1
        if self.connections is None:
            raise EnvoyAwayError("no answer")
        return {OPEN: self.connections}


DRAIN = "drain inbound_only=True stay=False"


async def seconds_of(story: Story, then: Callable[[], object] = bool) -> float:
    clock = SystemClock()
    begun = clock.monotonic()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(story.departure.go())
        await until(lambda: DRAIN in story.told)
        then()
    return clock.monotonic() - begun


async def test_it_leaves_is_not_ready_drains_and_waits_its_time() -> None:
    story = Story(replace(PATIENT, longest=0.3, until_idle=False))
    story.connections = 0
    assert 0.3 <= await seconds_of(story) < 2
    assert story.told == ["leave", DRAIN]
    assert story.asked == 0, "nobody asked for less"


async def test_open_connections_are_waited_for_until_none_is_left() -> None:
    story = Story(PATIENT)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        going = tasks.create_task(story.departure.go())
        await until(lambda: story.asked >= 2)
        assert not going.done()
        story.connections = 0
    assert story.told == ["leave", DRAIN]


async def test_the_deadline_ends_what_never_ends() -> None:
    story = Story(replace(PATIENT, longest=0.5))
    assert 0.5 <= await seconds_of(story) < 2


async def test_what_leaving_takes_is_of_the_same_deadline() -> None:
    clock = StillClock(datetime(2026, 1, 1, tzinfo=UTC))

    class Slow(Story):
        async def leave(self) -> None:
            clock.advance(PATIENT.longest)

    story = Slow(PATIENT, clock)
    async with asyncio.timeout(PATIENT.longest / 2):
        await story.departure.go()
    assert story.told == [DRAIN], "no time is left for what is open"


async def test_peers_have_a_while_to_hear_of_it_also_without_connections() -> None:
    story = Story(replace(PATIENT, shortest=0.4))
    story.connections = 0
    assert 0.4 <= await seconds_of(story) < 2
    story = Story(replace(PATIENT, shortest=20, longest=0.4))
    assert 0.4 <= await seconds_of(story) < 2, "but no longer than the deadline"


async def test_an_envoy_that_ends_by_itself_is_not_waited_for() -> None:
    story = Story(replace(PATIENT, until_idle=False))
    assert await seconds_of(story, story.ended.set) < 2


async def test_an_envoy_that_says_nothing_is_asked_five_times() -> None:
    story = Story(PATIENT)
    story.connections = None
    await seconds_of(story)
    assert story.asked == 5


@pytest.mark.parametrize("until_idle", [True, False])
async def test_who_was_drained_before_ends_at_once(*, until_idle: bool) -> None:
    story = Story(replace(PATIENT, until_idle=until_idle))
    await story.departure.drain()
    assert story.told == ["leave", "drain inbound_only=True stay=True"]
    async with asyncio.timeout(2):
        await story.departure.go()
    assert story.told[2:] == []
