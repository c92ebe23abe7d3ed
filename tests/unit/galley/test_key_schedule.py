from __future__ import annotations

from datetime import timedelta

from meltemi.config.key_sets import KeptKeys, KeySource
from meltemi.galley.key_schedule import condition, due, failed, fetched
from meltemi.testkit.authority import NOON

SOURCE = KeySource("https://id.example", "")
REFRESH = timedelta(minutes=20)


def test_unknown_keys_are_due_at_once_and_good_ones_after_twenty_minutes() -> None:
    assert due(None, REFRESH, NOON) == NOON
    assert due(fetched(SOURCE, "K", NOON), REFRESH, NOON) == NOON + REFRESH
    assert due(KeptKeys(tried="no time"), REFRESH, NOON) == NOON


def test_after_a_failure_the_pause_doubles_from_a_minute_to_an_hour() -> None:
    kept, pauses = fetched(SOURCE, "K", NOON), []
    for _ in range(9):
        kept = failed(SOURCE, kept, "down", NOON)
        pauses.append((due(kept, REFRESH, NOON) - NOON).total_seconds() / 60)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_case_47_the_last_good_keys_serve_for_seven_days_and_not_longer() -> None:
    good = fetched(SOURCE, "K", NOON)
    later = failed(SOURCE, good, "HTML", NOON + timedelta(days=6, hours=23))
    assert (later.keys, later.fetched) == ("K", good.fetched)
    assert failed(SOURCE, later, "HTML", NOON + timedelta(days=7)).keys == ""
    assert fetched(SOURCE, "NEW", NOON).failures == 0


def test_a_source_that_never_answered_has_no_keys() -> None:
    kept = failed(SOURCE, None, "down", NOON)
    assert (kept.source, kept.keys, kept.failures) == (SOURCE, "", 1)


def test_the_owner_is_told_what_became_of_the_keys() -> None:
    good = fetched(SOURCE, "K", NOON)
    stale, none = (failed(SOURCE, each, "it is down", NOON) for each in (good, None))
    new = KeptKeys(issuer="https://new.example")
    assert condition([good]).status == "True"
    assert condition([good, stale]).reason == "LastGood"
    assert "it is down; the keys of" in condition([stale]).message
    assert condition([stale, none]).reason == "NoKeys"
    assert "its tokens are refused" in condition([none]).message
    assert condition([new]).message.startswith("https://new.example: not fetched yet")
