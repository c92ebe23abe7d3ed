from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meltemi.citadel.rotation.steady import SteadyTime

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FAR = timedelta(days=400)
BEGUN = SteadyTime(NOON, 100.0)


def test_time_passes_as_clocks_say() -> None:
    assert BEGUN.read(NOON + 5 * SECOND, 105.0).now == NOON + 5 * SECOND


def test_t26_a_clock_set_forward_by_400_days_brings_nothing_nearer() -> None:
    jumped = BEGUN.read(NOON + FAR, 100.5)
    assert jumped.now <= NOON + SECOND
    later = jumped.read(NOON + FAR + 60 * SECOND, 160.5)
    assert later.now - jumped.now == 60 * SECOND


def test_a_clock_that_is_set_right_again_counts_as_before() -> None:
    jumped = BEGUN.read(NOON + FAR, 100.5)
    right = jumped.read(NOON + 2 * SECOND, 102.0)
    assert right.now - NOON <= 2 * SECOND
    assert NOON - right.now < SECOND


def test_a_clock_that_drifts_is_followed() -> None:
    drifted = BEGUN.read(NOON + 101 * SECOND, 200.0)
    assert drifted.now == NOON + 101 * SECOND
