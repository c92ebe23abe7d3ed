from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from meltemi.citadel.key_ring import (
    SKEW,
    Drawer,
    NoSuchKeyError,
    Pace,
    Ring,
    StoredRing,
    is_due,
    kept,
    without,
)
from meltemi.citadel.sealing import UnsealError
from meltemi.citadel.token_key import TokenKey
from meltemi.identity.keys import new_key
from meltemi.identity.sealed import new_sealing_key
from meltemi.testkit.authority import NOON

HOUR = timedelta(hours=1)
PACE = Pace.of(24 * HOUR, HOUR)
DRAWER = Drawer(new_sealing_key(), "tokens of cluster.local")
FIRST, SECOND = TokenKey(new_key()), TokenKey(new_key())


def ring(second_made: datetime) -> Ring:
    keys = DRAWER.seal(FIRST, NOON), DRAWER.seal(SECOND, second_made)
    return Ring.of(StoredRing(second_made, keys), DRAWER)


def test_a_new_key_is_out_before_it_signs() -> None:
    both = ring(NOON + 24 * HOUR)
    at = NOON + 24 * HOUR
    assert {each.id for each in both.public} == {FIRST.id, SECOND.id}
    assert both.signing(PACE, at).id == FIRST.id
    assert both.signing(PACE, at + PACE.lead - PACE.refresh).id == FIRST.id
    assert both.signing(PACE, at + PACE.lead).id == SECOND.id
    assert PACE.refresh * 2 <= PACE.lead, "who verifies asks twice in the meantime"


def test_the_only_key_signs_at_once() -> None:
    alone = Ring.of(StoredRing(NOON, (DRAWER.seal(FIRST, NOON),)), DRAWER)
    assert alone.signing(PACE, NOON).id == FIRST.id


def test_a_key_is_kept_until_nothing_it_signed_is_valid() -> None:
    keys = ring(NOON + 24 * HOUR).stored.keys
    last_signed = NOON + 24 * HOUR + PACE.lead
    ends = last_signed + PACE.lasting
    assert kept(keys, PACE, ends) == keys, "clocks differ"
    assert kept(keys, PACE, ends + SKEW) == keys[1:]
    assert kept(keys[1:], PACE, ends + 1000 * HOUR) == keys[1:], "never without one"


def test_the_next_key_is_made_when_the_newest_has_lived_its_life() -> None:
    keys = ring(NOON + HOUR).stored.keys
    assert is_due((), PACE, NOON)
    assert not is_due(keys, PACE, NOON + 25 * HOUR - SKEW)
    assert is_due(keys, PACE, NOON + 25 * HOUR)


def test_a_sealed_key_opens_for_nothing_else() -> None:
    stored = DRAWER.seal(FIRST, NOON)
    assert DRAWER.open(stored).id == FIRST.id
    assert "PRIVATE" not in stored.key
    for other in (
        Drawer(DRAWER.kek, "tokens of elsewhere"),
        Drawer(new_sealing_key(), DRAWER.about),
    ):
        with pytest.raises(UnsealError, match="CITADEL_KEY_FILE"):
            other.open(stored)


def test_a_withdrawn_key_is_gone_and_the_ring_has_changed() -> None:
    stored, later = ring(NOON).stored, NOON + HOUR
    left = without(stored, FIRST.id, later)
    assert [each.id for each in left.keys] == [SECOND.id]
    assert left.changed == later
    assert StoredRing.decode(left.encode()) == left
    with pytest.raises(NoSuchKeyError):
        without(left, FIRST.id, later)


def test_what_is_no_ring_is_refused() -> None:
    with pytest.raises(UnsealError):
        StoredRing.decode(b"{}")
