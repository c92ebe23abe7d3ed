from __future__ import annotations

from meltemi.proxy.health.judgement import Judgement
from meltemi.proxy.health.probe import Pace


def held_after(judgement: Judgement, findings: str) -> str:
    """Return what is held after each finding: + is well, - is not."""
    held = []
    for each in findings:
        before = judgement.well
        changed = judgement.heard(well=each == "+")
        assert changed is (judgement.well is not before)
        held.append("+" if judgement.well else "-")
    return "".join(held)


def test_nothing_is_well_that_was_not_found_to_be() -> None:
    assert not Judgement(Pace()).well
    assert held_after(Judgement(Pace()), "----") == "----"


def test_as_many_in_a_row_as_the_threshold_says_turn_it() -> None:
    assert held_after(Judgement(Pace(failures=3)), "+--+---++") == "++++++-++"
    two = Judgement(Pace(successes=2, failures=1))
    assert held_after(two, "+-++-+") == "---+--"


def test_what_may_be_starting_is_asked_every_second_what_was_well_at_its_pace() -> None:
    judgement = Judgement(Pace(period=10, failures=1))
    assert judgement.pause == 1
    judgement.heard(well=False)
    assert judgement.pause == 1
    judgement.heard(well=True)
    assert judgement.pause == 10
    judgement.heard(well=False)
    assert judgement.pause == 10
