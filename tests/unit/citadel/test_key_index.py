from __future__ import annotations

from datetime import timedelta

import pytest

from meltemi.citadel import key_index
from meltemi.citadel.key_index import KeyIndex, KeyReusedError
from meltemi.testkit.authority import NOON, RATINGS, REVIEWS

DAY = timedelta(hours=24)


def test_a_key_speaks_for_one_workload_for_a_day() -> None:
    index = KeyIndex()
    index.check("k", REVIEWS, NOON)
    index.note("k", str(REVIEWS), NOON)
    index.check("k", REVIEWS, NOON)
    with pytest.raises(KeyReusedError, match="bookinfo-ratings needs a key of its own"):
        index.check("k", RATINGS, NOON + DAY - timedelta(seconds=1))
    index.check("k", RATINGS, NOON + DAY)


def test_the_refusal_does_not_say_whose_the_key_is() -> None:
    index = KeyIndex()
    index.note("k", str(REVIEWS), NOON)
    with pytest.raises(KeyReusedError) as refused:
        index.check("k", RATINGS, NOON)
    assert "reviews" not in str(refused.value)


def test_keys_without_end_cost_no_more_than_the_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_index, "MOST_KEYS", 3)
    index = KeyIndex()
    for number in range(9):
        index.note(str(number), str(REVIEWS), NOON)
    assert len(index._kept) == 3
