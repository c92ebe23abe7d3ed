from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meltemi.citadel.rotation.record import (
    PATIENCE,
    Phase,
    Record,
    RotationError,
    Spread,
    Waits,
    abandoned,
    advanced,
    begun,
    first,
    retired,
    tainted,
)
from meltemi.citadel.sealing import Sealed
from meltemi.testkit.authority import NOON

if TYPE_CHECKING:
    from datetime import datetime

SECOND = timedelta(seconds=1)
QUIET = Spread(distributed=True, living=0)
WAITS = Waits(distribute=10 * SECOND, drain=100 * SECOND)


def sealed(generation: int) -> Sealed:
    return Sealed("cluster.local", generation, "", f"root {generation}")


def roots(record: Record) -> list[int]:
    return [each.generation for each in record.believed]


STEADY = first(sealed(1), NOON)
PREPARE = begun(STEADY, sealed(2), NOON)
DISTRIBUTE = Record(1, PREPARE.sealed, Phase.DISTRIBUTE, NOON)
DRAIN = Record(2, PREPARE.sealed, Phase.DRAIN, NOON)


def on(record: Record, seconds: float, *, distributed: bool = True) -> Record | None:
    now = NOON + timedelta(seconds=seconds)
    return advanced(record, WAITS, now, distributed=distributed)


def test_a_rotation_goes_through_its_phases_and_the_old_root_leaves_last() -> None:
    assert roots(PREPARE) == [1], "nobody hears of a root that may not be stored yet"
    distribute = on(PREPARE, 0)
    assert distribute == DISTRIBUTE
    assert roots(DISTRIBUTE) == [1, 2]
    drain = on(DISTRIBUTE, 10)
    assert drain
    assert (drain.phase, drain.active, roots(drain)) == (Phase.DRAIN, 2, [2, 1])
    steady = on(DRAIN, 100)
    assert steady
    assert (steady.phase, roots(steady)) == (Phase.STEADY, [2])
    assert on(steady, 1000) is None


def test_the_new_root_signs_nothing_until_everybody_has_it_and_the_away_are_back() -> (
    None
):
    assert on(DISTRIBUTE, 10, distributed=False) is None
    assert on(DISTRIBUTE, 9.9) is None


def test_the_old_root_is_believed_as_long_as_its_certificates_may_live() -> None:
    assert on(DRAIN, 99.9) is None
    with pytest.raises(RotationError, match="may be valid until"):
        retired(DRAIN, WAITS, NOON + 99 * SECOND, QUIET)
    assert roots(retired(DRAIN, WAITS, NOON + 100 * SECOND, QUIET)) == [2]


def test_t26_a_clock_set_back_retires_nothing() -> None:
    assert on(DRAIN, -500) is None
    assert on(DISTRIBUTE, -500) is None


@pytest.mark.parametrize("record", [PREPARE, DISTRIBUTE])
def test_until_the_new_root_signs_it_can_be_dropped(record: Record) -> None:
    back = abandoned(record, NOON)
    assert (back.phase, back.active, roots(back)) == (Phase.STEADY, 1, [1])


def test_once_the_new_root_has_signed_going_back_drains_as_well() -> None:
    back = abandoned(DRAIN, NOON)
    assert (back.phase, back.active, roots(back)) == (Phase.DRAIN, 1, [1, 2])
    done = on(back, 100)
    assert done
    assert roots(done) == [1]


def test_a_tainted_root_waits_for_nobody_who_is_silent() -> None:
    hurried = tainted(DISTRIBUTE, NOON)
    assert hurried.tainted == 1
    assert on(hurried, 0, distributed=True), "no time is waited"
    assert on(hurried, 9, distributed=False) is None
    drain = on(hurried, PATIENCE.total_seconds(), distributed=False)
    assert drain
    assert drain.active == 2
    with pytest.raises(RotationError, match="no way back"):
        abandoned(drain, NOON)
    assert roots(retired(drain, WAITS, NOON, QUIET)) == [2]


@pytest.mark.parametrize(
    "spread", [Spread(distributed=True, living=1), Spread(distributed=False, living=0)]
)
def test_t22_a_tainted_root_that_others_live_by_goes_by_force_alone(
    spread: Spread,
) -> None:
    drain = on(tainted(DISTRIBUTE, NOON), 0)
    assert drain
    with pytest.raises(RotationError, match="retire --force"):
        retired(drain, WAITS, NOON, spread)
    assert roots(retired(drain, WAITS, NOON, spread, force=True)) == [2]


def test_a_tainted_root_is_believed_until_every_proxy_has_the_new_one() -> None:
    drain = on(tainted(DISTRIBUTE, NOON), 0)
    assert drain
    assert on(drain, 99, distributed=False) is None
    assert on(drain, 99, distributed=True)


def test_t22_no_force_retires_a_root_that_nobody_else_knows() -> None:
    with pytest.raises(RotationError, match="may be valid until"):
        retired(DRAIN, WAITS, NOON, Spread(distributed=True, living=1), force=True)


def test_t26_a_clock_set_forward_activates_nothing_that_is_not_everywhere() -> None:
    assert on(DISTRIBUTE, 10_000_000, distributed=False) is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RotationError, match="under way"):
        begun(DISTRIBUTE, sealed(3), NOON)
    with pytest.raises(RotationError, match="not after"):
        begun(STEADY, sealed(1), NOON)
    for wrong in (abandoned, tainted):
        with pytest.raises(RotationError, match="no rotation is under way"):
            wrong(STEADY, NOON)
    with pytest.raises(RotationError, match="nothing to retire in DISTRIBUTE"):
        retired(DISTRIBUTE, WAITS, NOON, QUIET)


def test_the_stored_form_is_read_back() -> None:
    assert Record.decode(DRAIN.encode()) == DRAIN
    with pytest.raises(RotationError, match="cannot be read"):
        Record.decode(b"{}")


def step(record: Record, word: str, now: datetime) -> Record:
    match word:
        case "begin":
            return begun(record, sealed(record.newest + 1), now)
        case "abandon":
            return abandoned(record, now)
        case "taint":
            return tainted(record, now)
        case "retire":
            return retired(record, WAITS, now, QUIET)
        case _:
            return advanced(record, WAITS, now, distributed=True) or record


WORDS = st.sampled_from(["begin", "on", "on", "abandon", "taint", "retire"])


@given(st.lists(WORDS, max_size=30))
def test_whatever_is_asked_who_signs_was_believed_before(asked: list[str]) -> None:
    """No step replaces every root at once: there is always one that both sides hold."""
    record, now = STEADY, NOON
    for word in asked:
        now += 60 * SECOND
        before = set(roots(record))
        try:
            record = step(record, word, now)
        except RotationError:
            continue
        assert record.active in before
        assert before & set(roots(record))
