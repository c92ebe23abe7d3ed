from __future__ import annotations

from meltemi.citadel.vault.breaker import (
    FAILURES,
    REST_SECONDS,
    WINDOW_SECONDS,
    Breaker,
)


def broken(*, apart: float = 0.1) -> tuple[Breaker, float]:
    """A breaker after five failures, and the time of the last."""
    breaker = Breaker()
    for number in range(FAILURES):
        assert breaker.allows(100 + number * apart)
        breaker.failed(100 + number * apart)
    return breaker, 100 + (FAILURES - 1) * apart


def test_five_failures_in_ten_seconds_end_the_asking() -> None:
    breaker, last = broken()
    assert breaker.open
    assert not breaker.allows(last + REST_SECONDS / 2)


def test_failures_far_apart_do_not() -> None:
    breaker, last = broken(apart=WINDOW_SECONDS / 2)
    assert breaker.allows(last)


def test_one_of_those_who_wait_tries_each_second() -> None:
    breaker, last = broken()
    later = last + REST_SECONDS
    assert [breaker.allows(later) for _ in range(3)] == [True, False, False]
    assert breaker.allows(later + REST_SECONDS)


def test_a_success_lets_everybody_ask_again() -> None:
    breaker, last = broken()
    breaker.succeeded()
    assert [breaker.allows(last) for _ in range(3)] == [True] * 3
