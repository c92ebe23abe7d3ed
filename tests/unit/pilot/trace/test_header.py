from __future__ import annotations

from typing import Any

import pytest
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.header import found_words, header_agrees, header_words


def matcher(**settings: Any) -> HeaderMatcher:
    return ParseDict({"name": "x", **settings}, HeaderMatcher())


@pytest.mark.parametrize(
    ("settings", "fits", "not_"),
    [
        ({"string_match": {"exact": "a"}}, "a", "A"),
        ({"string_match": {"exact": "a", "ignore_case": True}}, "A", "b"),
        ({"safe_regex_match": {"regex": "a+"}}, "aa", "aab"),
        ({"exact_match": "a"}, "a", "b"),
        ({"prefix_match": "a"}, "ab", "ba"),
        ({"suffix_match": "a"}, "ba", "ab"),
        ({"contains_match": "a"}, "bab", "b"),
        ({"range_match": {"start": -1, "end": 5}}, "-1", "5"),
        ({"range_match": {"start": 0, "end": 5}}, "4", "four"),
    ],
)
def test_values_are_compared(settings: dict[str, Any], fits: str, not_: str) -> None:
    assert header_agrees(matcher(**settings), (fits,))
    assert not header_agrees(matcher(**settings), (not_,))
    assert not header_agrees(matcher(**settings, invert_match=True), (fits,))
    assert header_agrees(matcher(**settings, invert_match=True), (not_,))


def test_an_absent_header_fails_every_comparison_even_an_inverted_one() -> None:
    assert not header_agrees(matcher(exact_match="a"), ())
    assert not header_agrees(matcher(exact_match="a", invert_match=True), ())


def test_an_absent_header_can_count_as_empty() -> None:
    empty = {"treat_missing_header_as_empty": True}
    assert header_agrees(matcher(exact_match="a", invert_match=True, **empty), ())
    assert not header_agrees(matcher(exact_match="a", **empty), ())


@pytest.mark.parametrize(
    ("settings", "present"),
    [
        ({}, True),
        ({"present_match": True}, True),
        ({"present_match": False}, False),
        ({"present_match": True, "invert_match": True}, False),
    ],
)
def test_presence_is_asked_for(settings: dict[str, Any], *, present: bool) -> None:
    assert header_agrees(matcher(**settings), ("a",)) is present
    assert header_agrees(matcher(**settings), ()) is not present


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"string_match": {"prefix": "a"}}, "x begins with 'a'"),
        ({"exact_match": "a", "invert_match": True}, "x not: is 'a'"),
        ({"range_match": {"start": 1, "end": 3}}, "x is a number from 1 to 2"),
        ({"present_match": False}, "x is absent"),
        ({"safe_regex_match": {"regex": "a"}}, "x is of the pattern 'a'"),
    ],
)
def test_a_condition_can_be_read(settings: dict[str, Any], words: str) -> None:
    assert header_words(matcher(**settings)) == words


def test_of_several_values_one_must_agree_or_none_when_inverted() -> None:
    assert header_agrees(matcher(exact_match="b"), ("a", "b"))
    assert not header_agrees(matcher(exact_match="a,b"), ("a", "b"))
    assert not header_agrees(matcher(exact_match="b", invert_match=True), ("a", "b"))
    assert header_agrees(matcher(exact_match="c", invert_match=True), ("a", "b"))


def test_what_was_found_can_be_read() -> None:
    assert found_words(("a", "b")) == "it is 'a' and 'b'"
    assert found_words(()) == "it is absent"
