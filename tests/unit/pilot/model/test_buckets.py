from __future__ import annotations

from meltemi.pilot.model.buckets import Buckets


def test_an_edit_leaves_the_original_as_it_was() -> None:
    before = Buckets[int]().put("ns", "a", 1)
    after = before.put("ns", "a", 2)
    assert list(before.values()) == [1]
    assert list(after.values()) == [2]


def test_what_an_edit_does_not_touch_is_shared() -> None:
    before = Buckets[int]().put("one", "a", 1).put("two", "b", 2)
    after = before.put("two", "b", 3)
    assert after.by_namespace["one"] is before.by_namespace["one"]


def test_equal_content_is_equal_however_it_came_about() -> None:
    grown = Buckets[int]().put("ns", "a", 1).put("ns", "b", 2).drop("ns", "b")
    assert grown == Buckets[int]().put("ns", "a", 1)
    assert grown.drop("ns", "a") == Buckets[int](), "empty buckets vanish"


def test_dropping_what_is_not_there_changes_nothing() -> None:
    before = Buckets[int]().put("ns", "a", 1)
    assert before.drop("ns", "b") is before
    assert before.drop("other", "a") is before


def test_values_come_by_namespace_and_name() -> None:
    made = Buckets[int]().put("b", "x", 3).put("a", "z", 2).put("a", "y", 1)
    assert list(made.values()) == [1, 2, 3]
