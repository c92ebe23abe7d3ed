from __future__ import annotations

from typing import Any

import pytest
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.metadata import metadata_agrees, metadata_words

FOUND = {"f": {"a": {"text": "x", "list": ["x", "y"], "yes": True, "number": 3}}}


def matcher(value: dict[str, Any], *path: str, **settings: Any) -> MetadataMatcher:
    keys = [{"key": each} for each in path]
    body = {"filter": "f", "path": keys, "value": value} | settings
    return ParseDict(body, MetadataMatcher())


@pytest.mark.parametrize(
    ("value", "name", "holds"),
    [
        ({"string_match": {"exact": "x"}}, "text", True),
        ({"string_match": {"exact": "x"}}, "list", False),
        ({"string_match": {"prefix": ""}}, "absent", False),
        ({"list_match": {"one_of": {"string_match": {"exact": "y"}}}}, "list", True),
        ({"list_match": {"one_of": {"string_match": {"exact": "z"}}}}, "list", False),
        ({"list_match": {"one_of": {"string_match": {"exact": "x"}}}}, "text", False),
        ({"or_match": {"value_matchers": [{"null_match": {}}, {"present_match": True}]}}, "text", True),
        ({"present_match": True}, "absent", False),
        ({"bool_match": True}, "yes", True),
        ({"bool_match": False}, "yes", False),
        ({"double_match": {"exact": 3}}, "number", True),
        ({"double_match": {"range": {"start": 1, "end": 3}}}, "number", False),
        ({"double_match": {"exact": 1}}, "yes", False),
        ({"null_match": {}}, "absent", True),
    ],
)  # fmt: skip
def test_values_are_compared(value: dict[str, Any], name: str, *, holds: bool) -> None:
    assert metadata_agrees(matcher(value, "a", name), FOUND) is holds
    inverted = matcher(value, "a", name, invert=True)
    assert metadata_agrees(inverted, FOUND) is not holds


def test_what_no_filter_left_is_absent() -> None:
    there = matcher({"present_match": True}, "a")
    assert metadata_agrees(there, FOUND)
    assert not metadata_agrees(there, {})


def test_a_comparison_can_be_read() -> None:
    text = {"string_match": {"exact": "x"}}
    either = {"or_match": {"value_matchers": [{"list_match": {"one_of": text}}, text]}}
    assert metadata_words(matcher(either, "a", "b")) == (
        "a.b of f holds what is 'x' or is 'x'"
    )
