from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.citadel.limits import Buckets, Rate, TooManyRequestsError


def test_a_bucket_starts_full_empties_and_fills_again() -> None:
    buckets = Buckets(Rate(per_second=2, burst=3))
    for _ in range(3):
        buckets.take("a", 100.0)
    with pytest.raises(TooManyRequestsError, match=r"try again in 0\.5 s") as refused:
        buckets.take("a", 100.0)
    assert refused.value.wait == pytest.approx(0.5)
    buckets.take("a", 100.5)
    buckets.take("b", 100.0)


def test_looking_costs_nothing() -> None:
    buckets = Buckets(Rate(1, 1))
    for _ in range(5):
        buckets.check("a", 0.0)
    buckets.take("a", 0.0)
    with pytest.raises(TooManyRequestsError):
        buckets.check("a", 0.0)


def test_a_million_callers_cost_no_more_than_the_most() -> None:
    buckets = Buckets(Rate(1, 2), most=10)
    for number in range(100):
        buckets.take(str(number), 0.0)
    assert len(buckets._kept) == 10


@given(st.lists(st.floats(0, 5), max_size=60))
def test_nobody_gets_more_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    buckets, now, granted = Buckets(Rate(1.5, 4)), 0.0, 0
    for pause in pauses:
        now += pause
        try:
            buckets.take("a", now)
        except TooManyRequestsError:
            continue
        granted += 1
    assert granted <= 4 + 1.5 * now + 1e-6


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20/s", Rate(20, 20)),
        ("5/min:10", Rate(5 / 60, 10)),
        ("0.5/s", Rate(0.5, 1)),
    ],
)
def test_a_rate_is_written_as_people_say_it(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "20", "20/h", "-1/s", "0/s", "1/s:0", "1/s:x"])
def test_what_is_no_rate_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected NUMBER|let nobody in"):
        Rate.parse(text)
