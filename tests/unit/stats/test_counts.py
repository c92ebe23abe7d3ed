from __future__ import annotations

import pytest

from meltemi.stats.counts import NOTHING, number, plus, quantile
from meltemi.testkit.edges import counts


def test_what_two_proxies_counted_is_added() -> None:
    assert plus(counts(3, 3), counts(700, failed=1)) == counts(3, 3, 700, failed=1)


def test_numbers_are_found_by_name() -> None:
    assert number(counts(1, 2, sent=9), "requests") == 2
    assert number(counts(1, 2, sent=9), "sent") == 9
    assert number(NOTHING, "sent") == 0


def test_half_of_the_requests_took_no_longer_than_the_median_says() -> None:
    took = counts(*[3.0] * 90, *[70.0] * 10)
    assert quantile(took, 0.5) == pytest.approx(1 + 4 * 50 / 90)
    assert quantile(took, 0.95) == pytest.approx(75.0)
    assert quantile(took, 0.9) == 5.0


def test_slower_than_the_slowest_bucket_is_told_as_its_bound() -> None:
    assert quantile(counts(60_000), 0.5) == 10_000


def test_without_requests_there_is_no_latency() -> None:
    assert quantile(NOTHING, 0.5) is None
