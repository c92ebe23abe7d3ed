from __future__ import annotations

from meltemi.pilot.model.buckets import MOST_EDITS, Buckets


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


def _age(value: int) -> tuple[str, ...]:
    return (str(value // 10),)


def test_an_order_stays_true_through_edits() -> None:
    made = Buckets[int]().put("ns", "a", 30).put("ns", "b", 20).put("ns", "c", 10)
    assert made.ordered(_age) == (10, 20, 30)
    assert made.put("ns", "b", 25).ordered(_age) == (10, 25, 30), "as old as it was"
    assert made.put("ns", "b", 40).ordered(_age) == (10, 30, 40), "younger now"
    assert made.put("ns", "d", 0).ordered(_age) == (0, 10, 20, 30)
    assert made.drop("ns", "b").ordered(_age) == (10, 30)
    assert made.ordered(_age) == (10, 20, 30)


def test_an_order_of_some_that_are_as_old_is_found_out_anew() -> None:
    made = Buckets[int]().put("ns", "a", 11).put("ns", "b", 12).put("ns", "c", 13)
    assert made.ordered(_age) == (11, 12, 13)
    assert sorted(made.put("ns", "c", 14).ordered(_age)) == [11, 12, 14]


def test_an_order_is_carried_through_so_many_edits() -> None:
    made = Buckets[int]().put("ns", "a", 10).put("ns", "b", 20)
    made.ordered(_age)
    carried = 0
    for number in range(2 * MOST_EDITS):
        made = made.put("ns", "a", 10 + number % 9)
        carried += bool(made.orders)
    assert carried == MOST_EDITS
    assert made.ordered(_age) == (10 + (2 * MOST_EDITS - 1) % 9, 20)
    assert made.put("ns", "a", 12).orders, "from then on it is carried again"
