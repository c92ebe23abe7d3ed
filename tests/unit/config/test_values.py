from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.config.values import LIMIT, Duration, InvalidDurationError


@pytest.mark.parametrize(
    ("text", "nanoseconds", "canonical"),
    [
        ("0", 0, "0s"),
        ("10ms", 10_000_000, "0.01s"),
        ("0.5s", 500_000_000, "0.5s"),
        (".5s", 500_000_000, "0.5s"),
        ("1.s", 1_000_000_000, "1s"),
        ("1h1m5.5s", 3_665_500_000_000, "3665.5s"),
        ("1us", 1_000, "0.000001s"),
        ("1µs", 1_000, "0.000001s"),
        ("1ns", 1, "0.000000001s"),
        ("0.3ns", 0, "0s"),
        ("+2m", 120_000_000_000, "120s"),
        ("-1.5s", -1_500_000_000, "-1.5s"),
        ("5s5s", 10_000_000_000, "10s"),
    ],
)
def test_durations_of_go_and_protobuf_are_read_and_spelled_in_seconds(
    text: str, nanoseconds: int, canonical: str
) -> None:
    duration = Duration.parse(text)
    assert duration.nanoseconds == nanoseconds
    assert str(duration) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "1 s", "1d", "--1s", "1s ", "1e3s", "1,5s", ".s", "٣s", "1h-1m"],
)
def test_what_go_would_refuse_is_refused_with_advice(text: str) -> None:
    with pytest.raises(InvalidDurationError, match="such as 500ms, 10s or 1h30m"):
        Duration.parse(text)


def test_more_than_ten_thousand_years_is_refused_and_exactly_that_is_not() -> None:
    assert Duration.parse("315576000000s").nanoseconds == LIMIT
    with pytest.raises(InvalidDurationError, match="10,000 years"):
        Duration.parse("315576000000.000000001s")


@given(st.integers(-LIMIT, LIMIT))
def test_a_printed_duration_reads_back_the_same(nanoseconds: int) -> None:
    duration = Duration(nanoseconds)
    assert Duration.parse(str(duration)) == duration


def test_durations_are_values() -> None:
    second = Duration.parse("1000ms")
    assert second == Duration.parse("1s")
    assert hash(second) == hash(Duration.parse("1s"))
    assert second != "1s"
    assert Duration(1) < second <= Duration.parse("1s")
    assert second.seconds == 1.0
    assert repr(second) == "Duration(1000000000)"
    with pytest.raises(AttributeError):
        second.nanoseconds = 2
    with pytest.raises(AttributeError):
        del second.nanoseconds
