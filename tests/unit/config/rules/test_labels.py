from __future__ import annotations

import pytest

from meltemi.config.rules.labels import check_label_set, check_labels, check_references
from meltemi.config.schema.target import PolicyTargetReference


@pytest.mark.parametrize(
    ("key", "value"),
    [("app", "a"), ("example.com/app", ""), ("a_b.c-d", "V1.2_3"), ("a", "x" * 63)],
)
def test_labels_workloads_can_carry_are_right(key: str, value: str) -> None:
    assert list(check_label_set("l", {key: value})) == []
    assert list(check_labels("l", {key: value})) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", "a"),
        ("a b", "c"),
        ("Upper.com/a", "b"),
        ("/a", "b"),
        ("a", "b c"),
        ("a", "-"),
    ],
)
def test_labels_no_workload_can_carry_are_told(key: str, value: str) -> None:
    assert len(list(check_label_set("l", {key: value}))) == 1


@pytest.mark.parametrize(
    ("key", "value"), [("", "a"), ("a*", "b"), ("a", "*"), ("a", "x" * 64)]
)
def test_a_selector_that_cannot_match_is_told(key: str, value: str) -> None:
    assert len(list(check_labels("l", {key: value}))) == 1


def test_a_policy_holds_for_at_most_sixteen_objects() -> None:
    one = PolicyTargetReference(kind="Service", name="a")
    assert list(check_references((one,) * 16)) == []
    (told,) = check_references((one,) * 17)
    assert told.message == "at most 16, got 17"
