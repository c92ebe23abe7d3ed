from __future__ import annotations

import gc
import tracemalloc

from meltemi.pilot.stats.ring import Ring
from meltemi.stats.counts import NOTHING, number, plus
from meltemi.stats.report import SLOTS
from meltemi.testkit.edges import counts, edge


def requests(ring: Ring, first: int, last: int) -> float:
    total = NOTHING
    for _, each in ring.over(first, last):
        total = plus(total, each)
    return number(total, "requests")


def test_a_window_holds_what_was_counted_in_it_and_nothing_else() -> None:
    ring = Ring()
    for tick in range(100, 110):
        ring.add(edge(), counts(*[1.0] * tick), tick)
    assert requests(ring, 103, 105) == 103 + 104 + 105
    assert requests(ring, 109, 300) == 109
    assert dict(ring.over(110, 120)) == {}


def test_after_fifteen_minutes_a_cell_is_used_again() -> None:
    ring = Ring()
    ring.add(edge(), counts(1, 2, 3), 7)
    ring.add(edge(), counts(1), 7 + SLOTS)
    assert requests(ring, 0, 7 + SLOTS) == 1
    ring.add(edge(), counts(1, 2), 7 + 5 * SLOTS)
    assert requests(ring, 0, 10**9) == 2


def test_what_is_told_too_late_is_not_counted_as_new() -> None:
    ring = Ring()
    ring.add(edge(), counts(1), 1000)
    ring.add(edge(), counts(1), 999)
    ring.add(edge(), counts(1), 1000 - SLOTS)
    assert requests(ring, 0, 2000) == 2


def test_too_many_edges_are_counted_together_and_none_is_lost() -> None:
    ring = Ring(most=10)
    for n in range(10_000):
        ring.add(edge("web", f"bomb-{n}"), counts(1), 5)
    assert len(ring) == 11
    assert ring.folded == 9990
    assert requests(ring, 5, 5) == 10_000


def test_edges_that_were_silent_for_long_make_room() -> None:
    ring = Ring(most=1)
    ring.add(edge("old"), counts(1), 1)
    ring.add(edge("new"), counts(1), 1 + SLOTS)
    assert [found for found, _ in ring.over(0, 10**6)] == [edge("new")]


def test_a_thousand_edges_of_fifteen_minutes_take_less_than_20_mb() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        ring = Ring()
        for n in range(1000):
            name = f"a-workload-with-a-rather-long-name-{n}"
            for tick in range(0, SLOTS, 20):
                ring.add(edge(name, f"{name}-callee"), counts(1, 2, 3, sent=1e12), tick)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ring) == 1000
    assert held < 20_000_000, held
