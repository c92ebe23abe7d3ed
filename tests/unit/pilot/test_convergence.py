"""How long changes took, and who is behind."""

from __future__ import annotations

from datetime import timedelta

from meltemi.pilot.convergence import REVISIONS_KEPT, Convergence
from meltemi.testkit.authority import NOON
from meltemi.testkit.fakes.clock import StillClock


def test_each_revision_counts_from_when_it_was_known() -> None:
    clock = StillClock(NOON)
    known = Convergence(clock)
    for revision in (7, 9, 12):
        known.knew(revision)
        clock.advance(1.0)
    assert list(known.arrived(7, 12)) == [2.0, 1.0]
    assert list(known.arrived(12, 12)) == []


def test_a_revision_counts_from_when_it_was_written_where_that_is_told() -> None:
    clock = StillClock(NOON)
    known = Convergence(clock)
    known.knew(7, NOON - timedelta(seconds=3))
    known.knew(9, NOON + timedelta(seconds=60))
    known.knew(7)
    clock.advance(1.0)
    assert list(known.arrived(6, 9)) == [4.0, 1.0]


def test_who_only_comes_has_waited_for_nothing() -> None:
    clock = StillClock(NOON)
    known = Convergence(clock)
    known.knew(7)
    clock.advance(60)
    assert list(known.arrived(0, 7)) == []
    assert known.behind(0) == 0.0


def test_who_lacks_several_is_behind_since_the_first() -> None:
    clock = StillClock(NOON)
    known = Convergence(clock)
    for revision in (7, 9, 12):
        known.knew(revision)
        clock.advance(1.0)
    assert known.behind(7) == 2.0
    assert known.behind(12) == 0.0
    known.knew(9)
    assert known.behind(7) == 2.0, "known for a second time, it is no younger"


def test_old_revisions_are_forgotten() -> None:
    known = Convergence(StillClock(NOON))
    for revision in range(2 * REVISIONS_KEPT):
        known.knew(revision)
    assert len(known.known) == REVISIONS_KEPT
