"""Whoever reports edges, whoever has few keeps them, and no request is lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from meltemi.pilot.stats.ring import Ring
from meltemi.pilot.stats.track import Track
from meltemi.stats.counts import NOTHING, number, plus
from meltemi.stats.edge import OTHERS
from meltemi.stats.report import QUIET, SLOTS
from meltemi.testkit.edges import counts, edge

if TYPE_CHECKING:
    from meltemi.stats.edge import Edge

MOST = 7


class Told(NamedTuple):
    """That somebody called somebody, so many periods after what was told before."""

    reporter: str
    callee: str
    later: int


TOLD = st.builds(
    Told,
    st.sampled_from("hhhhhpqr"),
    st.sampled_from("abcdefghij"),
    st.sampled_from((0, 0, 0, 0, 0, 1, QUIET, SLOTS // 2)),
)


def held(ring: Ring) -> dict[str, set[Edge]]:
    """Return by reporter what is told apart of it."""
    found: dict[str, set[Edge]] = {}
    for each, _ in ring.between(0, 10**9):
        if each.service != OTHERS:
            found.setdefault(each.source.workload, set()).add(each)
    return found


def size(found: dict[str, set[Edge]]) -> int:
    return sum(map(len, found.values()))


@given(st.lists(TOLD, min_size=10, max_size=120))
def test_nobody_loses_an_edge_of_an_equal_share_and_everybody_gets_one(
    told: list[Told],
) -> None:
    ring, tick, given_up = Ring(most=MOST), 1000, 0
    newest: dict[Edge, int] = {}
    for reporter, callee, later in told:
        tick += later
        mine = edge(reporter, callee)
        before = {
            who: {each for each in edges if newest[each] >= tick - SLOTS}
            for who, edges in held(ring).items()
        }
        ring.add(reporter, mine, counts(1), tick)
        newest[mine] = tick
        after = held(ring)
        share = MOST // len({reporter, *(who for who in before if before[who])})
        for who, edges in before.items():
            lost = edges - after.get(who, set())
            given_up += len(lost)
            assert len(lost) <= 1
            assert not lost or len(edges) > share or who == reporter
            for each in lost:
                assert newest[each] == min(newest[other] for other in edges)
        own = before.get(reporter, set())
        assert mine in after.get(reporter, set()) or len(own) >= share
        assert len(after.get(reporter, set())) >= min(len(own), share)
        assert size(after) <= MOST
    assert ring.dropped == given_up


@given(st.lists(TOLD, min_size=10, max_size=120), st.integers(1, SLOTS))
def test_whatever_is_told_apart_every_window_has_every_request(
    told: list[Told], window: int
) -> None:
    ring, tick = Ring(most=MOST), 1000
    counted: Counter[int] = Counter()
    for reporter, callee, later in told:
        tick += later
        ring.add(reporter, edge(reporter, callee), counts(1, opened=2**31), tick)
        counted[tick] += 1
    first = tick - window + 1
    total = sum(number(each, "requests") for _, each in ring.between(first, 10**9))
    assert total == sum(n for when, n in counted.items() if when >= first)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, SLOTS), st.integers(0, 2**40))),
    st.integers(0, 2 * SLOTS),
)
def test_two_tracks_that_become_one_are_the_track_of_both(
    added: list[tuple[bool, int, int]], back: int
) -> None:
    one, other, both, tick = Track(5), Track(5), Track(5), 5
    for to_one, later, sent in added:
        tick += later
        each = plus(NOTHING, counts(1, opened=2**31 + 1, sent=sent))
        (one if to_one else other).add(each, tick)
        both.add(each, tick)
    one.absorb(other)
    assert one.since(tick - back) == both.since(tick - back)
