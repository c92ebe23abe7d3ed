"""Large messages come by turns where they do not fit beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot.adapters import intake as subject
from meltemi.pilot.adapters.intake import ROOM, Intake
from meltemi.testkit.waiting import until

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pytest

    from meltemi.pilot.adapters.intake import Place

HALF = ROOM // 2


@dataclass
class Sending:
    """Who sends a message."""

    may: bool = False
    is_late: bool = False

    def admitted(self) -> None:
        self.may = True

    def late(self) -> None:
        self.is_late = True


def asked(intake: Intake, size: int, caller: Hashable = None) -> tuple[Place, Sending]:
    """Have somebody ask, by default somebody else each time."""
    sender = Sending()
    return intake.ask(caller or id(sender), size, sender), sender


async def test_who_does_not_fit_waits_and_all_go_in_order() -> None:
    intake = Intake(ROOM)
    (one, first), (two, second) = asked(intake, HALF), asked(intake, HALF)
    assert first.may
    assert second.may
    (large, third), (small, fourth) = asked(intake, ROOM), asked(intake, 1)
    one.leave()
    assert not third.may, "half of the room is taken"
    assert not fourth.may, "it would fit, but came later"
    two.leave()
    assert third.may
    assert not fourth.may
    large.leave()
    assert fourth.may
    small.leave()
    assert intake.room == ROOM


async def test_a_place_is_left_once() -> None:
    intake = Intake(ROOM)
    place, _ = asked(intake, HALF)
    place.leave()
    place.leave()
    assert intake.room == ROOM


async def test_who_leaves_while_it_waits_holds_up_nobody() -> None:
    intake = Intake(ROOM)
    one, _ = asked(intake, HALF)
    large, _ = asked(intake, ROOM)
    small, waiting = asked(intake, HALF)
    assert not waiting.may
    large.leave()
    assert waiting.may
    one.leave()
    small.leave()
    assert intake.room == ROOM


async def test_who_has_many_messages_has_one_place() -> None:
    intake = Intake(ROOM)
    many = [asked(intake, HALF, "somebody") for _ in range(4)]
    other, its = asked(intake, HALF)
    assert [sender.may for _, sender in many] == [True, False, False, False]
    assert its.may
    many[2][0].leave()
    many[0][0].leave()
    assert [sender.may for _, sender in many] == [True, True, False, False]
    last, waiting = asked(intake, HALF)
    many[1][0].leave()
    assert waiting.may, "it is another's turn"
    other.leave()
    assert many[3][1].may
    for place in (last, many[3][0]):
        place.leave()
    assert intake.room == ROOM


async def test_who_withdraws_all_is_forgotten() -> None:
    intake = Intake(ROOM)
    one, _ = asked(intake, ROOM)
    several = [asked(intake, 1, "somebody")[0] for _ in range(3)]
    for place in several:
        place.leave()
    one.leave()
    last, its = asked(intake, ROOM)
    assert its.may
    last.leave()
    assert intake.room == ROOM


async def test_what_comes_slowly_keeps_its_place_for_a_time_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "HOLD_SECONDS", 0.01)
    intake = Intake(ROOM)
    slow, sender = asked(intake, ROOM)
    other, its = asked(intake, ROOM)
    assert sender.may
    assert not its.may
    await until(lambda: its.may)
    slow.leave()
    assert intake.room == 0, "what is left late is not given back twice"
    other.leave()
    assert intake.room == ROOM


async def test_what_does_not_come_in_time_is_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "HOLD_SECONDS", 0.01)
    monkeypatch.setattr(subject, "LONGEST_SECONDS", 0.02)
    intake = Intake(ROOM)
    _, slow = asked(intake, 1)
    here, quick = asked(intake, 1)
    here.leave()
    await until(lambda: slow.is_late)
    assert not quick.is_late


async def test_what_is_larger_than_the_room_has_all_of_it() -> None:
    intake = Intake(2 * ROOM)
    place, sender = asked(intake, 2 * ROOM)
    assert sender.may
    place.leave()
    assert intake.room == ROOM
