from __future__ import annotations

import pytest

from meltemi.config.node import (
    MapNode,
    Scalar,
    nearest_node,
    node_of,
    plain_scalar,
    plain_value,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("NO", False),
        ("y", True),
        ("~", None),
        ("", None),
        ("null", None),
        ("80", 80),
        ("-1", -1),
        ("+1", 1),
        ("010", 8),
        ("0o10", 8),
        ("0x1F", 31),
        ("0b11", 3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("12:30", "12:30"),
        ("2001-01-01", "2001-01-01"),
        ("1.2.3.4", "1.2.3.4"),
        ("089", 89.0),
        ("v1", "v1"),
        ("-", "-"),
        ("9" * 500, "9" * 500),
    ],
)
def test_unquoted_words_stand_for_what_istios_reader_takes_them_for(
    text: str, value: object
) -> None:
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_a_json_value_and_its_tree_are_the_same() -> None:
    value = {"a": [1, "x", None, {"b": True}], "c": 1.5}
    assert plain_value(node_of(value)) == value


def test_the_way_to_a_missing_field_ends_at_what_is_there() -> None:
    tree = node_of({"a": [{"b": 1}]})
    assert plain_value(nearest_node(tree, ("a", "0", "b"))) == 1
    assert plain_value(nearest_node(tree, ("a", "7", "b"))) == [{"b": 1}]
    assert isinstance(nearest_node(tree, ("z",)), MapNode)


def test_only_what_json_holds_becomes_a_tree() -> None:
    with pytest.raises(TypeError, match="does not make set"):
        node_of({1})
    assert node_of("x") == Scalar("x", "x")
