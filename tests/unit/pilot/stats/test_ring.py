from __future__ import annotations

import gc
import tracemalloc

from meltemi.pilot.stats.ring import Ring
from meltemi.stats.counts import NOTHING, number, plus
from meltemi.stats.edge import EVERYBODY
from meltemi.stats.report import QUIET, SLOTS
from meltemi.testkit.edges import counts, edge


def requests(ring: Ring, first: int) -> float:
    total = NOTHING
    for _, each in ring.between(first, 10**9):
        total = plus(total, each)
    return number(total, "requests")


def held(ring: Ring) -> set[str]:
    """Return who is called, by the edges that are told apart."""
    found = {each.destination.workload for each, _ in ring.between(0, 10**9)}
    return found - {EVERYBODY.workload}


def test_a_window_holds_what_was_counted_in_it_and_nothing_else() -> None:
    ring = Ring()
    for tick in range(100, 110):
        ring.add("web", edge(), counts(*[1.0] * tick), tick)
    assert requests(ring, 107) == 107 + 108 + 109
    assert requests(ring, 109) == 109
    assert dict(ring.between(110, 10**9)) == {}


def test_too_many_edges_are_counted_together_and_none_is_lost() -> None:
    ring = Ring(most=10)
    for n in range(10_000):
        ring.add("web", edge("web", f"bomb-{n}"), counts(1), 5)
    assert len(ring) == 11
    assert (ring.folded, ring.dropped) == (9990, 0)
    assert requests(ring, 5) == 10_000


def test_what_is_of_the_last_fifteen_minutes_is_kept_when_more_is_told() -> None:
    ring = Ring()
    ring.add("web", edge("old"), counts(1), 1)
    ring.add("web", edge("new"), counts(1), 1 + SLOTS)
    assert len(dict(ring.between(1, 1 + SLOTS))) == 1


def test_edges_that_were_silent_for_long_make_room() -> None:
    ring = Ring(most=1)
    ring.add("web", edge("old"), counts(1), 1)
    ring.add("web", edge("new"), counts(1), 2 + SLOTS)
    assert [found for found, _ in ring.between(0, 10**9)] == [edge("new")]
    assert ring.dropped == 0


def test_who_has_most_gives_up_what_was_silent_for_longest_and_no_count() -> None:
    ring = Ring(most=4)
    for tick, callee in enumerate("abcd"):
        ring.add("hog", edge("hog", callee), counts(1), tick)
    ring.add("hog", edge("hog", "a"), counts(1), 4)
    ring.add("web", edge("web", "api"), counts(1, 2), 5)
    assert held(ring) == {"a", "c", "d", "api"}
    assert (ring.dropped, ring.folded) == (1, 0)
    assert [requests(ring, tick) for tick in range(7)] == [7, 6, 5, 4, 3, 2, 0]


def test_equal_shares_are_not_taken_back_and_forth() -> None:
    ring = Ring(most=3)
    for callee in "ab":
        ring.add("one", edge("one", callee), counts(1), 1)
    ring.add("two", edge("two", "c"), counts(1), 1)
    ring.add("two", edge("two", "d"), counts(1), 1)
    assert held(ring) == {"a", "b", "c"}
    assert (ring.dropped, ring.folded) == (0, 1)


def test_who_has_most_replaces_its_own_edges_once_they_are_quiet() -> None:
    ring = Ring(most=2)
    for callee in "ab":
        ring.add("web", edge("web", callee), counts(1), 1)
    ring.add("web", edge("web", "new"), counts(1), QUIET)
    assert held(ring) == {"a", "b"}
    ring.add("web", edge("web", "new"), counts(1), 1 + QUIET)
    assert held(ring) == {"b", "new"}
    assert requests(ring, 0) == 4


def test_a_thousand_edges_of_fifteen_minutes_take_less_than_20_mb() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        ring = Ring()
        for tick in range(0, SLOTS, 20):
            for n in range(1000):
                name = f"a-workload-with-a-rather-long-name-{n}"
                called = edge(name, f"{name}-callee")
                ring.add(name, called, counts(1, 2, 3, sent=1e12), tick)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ring) == 1000
    assert size < 20_000_000, size


def test_who_has_little_is_spared_though_it_came_first() -> None:
    ring = Ring(most=7)
    for reporter, callees in (("few", "ab"), ("hog", "cdefg"), ("new", "h")):
        for callee in callees:
            ring.add(reporter, edge(reporter, callee), counts(1), 1)
    assert held(ring) == set("abdefgh")
