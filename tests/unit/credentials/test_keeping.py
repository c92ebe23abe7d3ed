from __future__ import annotations

from datetime import timedelta

from meltemi.credentials.keeping import (
    JITTER,
    patience,
    readiness,
    speaks_for,
    trouble_with,
    until_renewal,
)
from meltemi.testkit.authority import NOON, RATINGS, REVIEWS, authority, credential

HELD = credential()
DAY = timedelta(hours=24)


def test_a_stored_credential_with_five_minutes_left_is_used_again() -> None:
    assert trouble_with(HELD, REVIEWS, now=NOON + DAY - timedelta(minutes=5)) is None
    late = NOON + DAY - timedelta(minutes=4)
    assert "ends at" in (trouble_with(HELD, REVIEWS, now=late) or "")


def test_a_stored_credential_of_another_workload_is_not_used() -> None:
    assert "names" in (trouble_with(HELD, RATINGS, now=NOON) or "")


def test_a_credential_is_known_under_its_root_only() -> None:
    assert speaks_for(HELD, HELD.roots, now=NOON)
    assert not speaks_for(HELD, (authority("b.example").certificate,), now=NOON)


def test_renewal_is_due_at_half_of_life_or_a_little_before() -> None:
    life = (DAY + timedelta(minutes=2)).total_seconds()
    start = NOON - timedelta(minutes=2)
    assert until_renewal(HELD, since=start, now=start, draw=0) == life / 2
    early = life * (0.5 - JITTER)
    assert until_renewal(HELD, since=start, now=start, draw=1) == early
    assert until_renewal(HELD, since=start, now=NOON + DAY, draw=0) == 0


def test_a_certificate_of_a_minute_is_renewed_after_half_a_minute() -> None:
    short = credential(lifetime=timedelta(seconds=60))
    assert until_renewal(short, since=NOON, now=NOON, draw=0) == 30


def test_a_successor_is_asked_for_more_often_the_sooner_the_old_one_ends() -> None:
    def longest(left: timedelta) -> float:
        return patience(HELD, now=NOON + DAY - left).ceiling

    assert longest(timedelta(hours=12)) == 60
    assert longest(timedelta(minutes=5)) == 30
    assert longest(timedelta(seconds=5)) == 1
    assert patience(HELD, now=NOON + DAY) == patience(None, now=NOON)


def test_a_workload_is_ready_while_its_certificate_lives() -> None:
    assert readiness(HELD, now=NOON) is None
    assert readiness(None, now=NOON) == "no certificate yet"
    assert "ended" in (readiness(HELD, now=NOON + DAY) or "")
