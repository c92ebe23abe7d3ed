from __future__ import annotations

import pytest

from meltemi.proxy.dns.cache import Cache
from meltemi.proxy.dns.message import query
from meltemi.testkit.dns import AAAA, absent, question, taken_apart, told

RAW = question("example.com")
ASKED = query(RAW)


def kept(cache: Cache, now: float, raw: bytes = RAW) -> list[int] | None:
    """Return for how long each record holds; None for what is not known."""
    found = cache.get(query(raw), now)
    return [each[2] for each in taken_apart(found).records] if found else None


def test_an_answer_is_kept_until_its_time_is_over() -> None:
    cache = Cache()
    cache.put(ASKED, told(RAW, "192.0.2.1", life=60), 100.0)
    assert kept(cache, 100.5) == [60]
    assert kept(cache, 159.9) == [1]
    assert kept(cache, 160.0) is None


def test_that_a_name_is_not_there_is_kept_too() -> None:
    cache = Cache()
    cache.put(ASKED, absent(RAW, life=30, least=10), 0.0)
    assert kept(cache, 9.0) == []
    assert kept(cache, 10.0) is None


@pytest.mark.parametrize(
    "other",
    [
        question("example.org"),
        question("example.com", AAAA),
        question("example.com", size=1232),
        RAW[:2] + b"\0" + RAW[3:],
    ],
    ids=["name", "type", "edns", "recursion"],
)
def test_another_question_has_another_answer(other: bytes) -> None:
    cache = Cache()
    cache.put(ASKED, told(RAW, "192.0.2.1"), 0.0)
    assert kept(cache, 0.0, other) is None
    assert kept(cache, 0.0, question("EXAMPLE.com", ident=9)) == [60]


def test_an_asker_who_says_more_than_is_read_is_answered_by_nobody_else() -> None:
    raw = question("example.com", size=1232)[:-2] + b"\0\4\0\x0a\0\0"
    cache = Cache()
    cache.put(query(raw), told(raw, "192.0.2.1"), 0.0)
    assert kept(cache, 0.0, raw) is None


def test_of_too_many_the_one_that_nobody_asked_for_goes() -> None:
    cache = Cache(most=2)
    names = [question(each) for each in ("a", "b", "c")]
    for raw in names[:2]:
        cache.put(query(raw), told(raw, "192.0.2.1"), 0.0)
    assert kept(cache, 0.0, names[0])
    cache.put(query(names[2]), told(names[2], "192.0.2.1"), 0.0)
    assert [kept(cache, 0.0, raw) for raw in names] == [[60], None, [60]]
