from __future__ import annotations

from meltemi.pilot.stats.track import KEPT, SPAN, Track
from meltemi.stats.counts import NOTHING, Counts, number
from meltemi.testkit.edges import counts


def track(*added: tuple[int, Counts]) -> Track:
    found = Track(added[0][0])
    for tick, each in added:
        found.add(each, tick)
    return found


def test_what_is_asked_of_is_what_was_counted_since() -> None:
    found = track((7, counts(1, 2)), (7, counts(3)), (9, counts(40)))
    assert found.since(0) == found.since(7) == counts(1, 2, 3, 40)
    assert found.since(8) == found.since(9) == counts(40)
    assert found.since(10) == NOTHING


def test_what_was_counted_later_is_not_of_a_time_that_ended() -> None:
    found = track((7, counts(1, 2)), (9, counts(40)), (11, counts(5)))
    assert found.between(7, 11) == counts(1, 2, 40)
    assert found.between(8, 20) == counts(40, 5)
    assert found.between(12, 11) == NOTHING


def test_after_fifteen_minutes_a_period_is_used_again() -> None:
    found = track((7, counts(1, 2, 3)), (6 + KEPT, counts(4)))
    assert found.since(0) == counts(1, 2, 3, 4)
    found.add(counts(5), 7 + KEPT)
    assert found.since(0) == counts(4, 5)
    found.add(counts(6), 7 + 5 * KEPT)
    assert found.since(0) == counts(6)


def test_numbers_that_grow_for_years_are_exact_within_the_window() -> None:
    large = float(SPAN - 1)
    year = counts(1, sent=1e13, opened=large, milliseconds=large)
    found = track(*((tick * KEPT, year) for tick in range(50)))
    assert found.since(0) == year


def test_two_that_become_one_keep_when_each_was_counted() -> None:
    large = float(SPAN - 2)
    one = track((1, counts(opened=large)), (5, counts(2, opened=3)))
    other = track((3, counts(opened=large)), (4, counts(1, 1)), (9, counts(sent=1e12)))
    one.absorb(other)
    assert one.newest == 9
    assert one.since(9) == counts(sent=1e12)
    assert one.since(5) == counts(2, opened=3, sent=1e12)
    assert one.since(4) == counts(1, 1, 2, opened=3, sent=1e12)
    assert number(one.since(2), "opened") == (large + 3) % SPAN
