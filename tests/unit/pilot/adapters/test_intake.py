"""Large messages come one after the other where they do not fit beside each other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meltemi.pilot.adapters import intake as subject
from meltemi.pilot.adapters.intake import ROOM, Intake, Place

if TYPE_CHECKING:
    import pytest

SOON = 5.0
HALF = ROOM // 2


def beginning(intake: Intake, size: int) -> asyncio.Task[Place]:
    return asyncio.get_running_loop().create_task(intake.place(size))


async def turn() -> None:
    """Let every task run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_does_not_fit_waits_and_all_go_in_order() -> None:
    intake = Intake(ROOM)
    one, two = await intake.place(HALF), await intake.place(HALF)
    large, small = beginning(intake, ROOM), beginning(intake, 1)
    one.leave()
    await turn()
    assert not large.done(), "half of the room is taken"
    assert not small.done(), "it would fit, but came later"
    two.leave()
    await turn()
    assert large.done()
    assert not small.done()
    (await large).leave()
    (await small).leave()
    assert intake.room == ROOM


async def test_a_place_is_left_once() -> None:
    intake = Intake(ROOM)
    place = await intake.place(HALF)
    place.leave()
    place.leave()
    assert intake.room == ROOM


async def test_who_leaves_while_it_waits_holds_up_nobody() -> None:
    intake = Intake(ROOM)
    one = await intake.place(HALF)
    large, small = beginning(intake, ROOM), beginning(intake, HALF)
    await turn()
    large.cancel()
    await turn()
    assert small.done()
    one.leave()
    (await small).leave()
    assert intake.room == ROOM


async def test_who_leaves_in_the_moment_of_its_turn_gives_the_room_back() -> None:
    intake = Intake(ROOM)
    one = await intake.place(ROOM)
    large = beginning(intake, ROOM)
    await turn()
    one.leave()  # its turn, before it runs
    large.cancel()
    await turn()
    assert large.cancelled()
    assert intake.room == ROOM


async def test_what_comes_slowly_keeps_its_place_for_a_time_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "HOLD_SECONDS", 0.01)
    intake = Intake(ROOM)
    slow = await intake.place(ROOM)
    async with asyncio.timeout(SOON):
        other = await intake.place(ROOM)
    slow.leave()
    assert intake.room == 0, "what is left late is not given back twice"
    other.leave()
    assert intake.room == ROOM
