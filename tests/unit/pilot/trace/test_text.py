from __future__ import annotations

from typing import Any

import pytest
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.text import agrees, described


@pytest.mark.parametrize(
    ("settings", "fits", "not_", "words"),
    [
        ({"exact": "Ab"}, "Ab", "ab", "is 'Ab'"),
        ({"prefix": "Ab"}, "Abc", "abc", "begins with 'Ab'"),
        ({"suffix": "Ab"}, "cAb", "Abc", "ends with 'Ab'"),
        ({"contains": "Ab"}, "cAbc", "cabc", "contains 'Ab'"),
        ({"safe_regex": {"regex": "A."}}, "Ab", "Abc", "is of the pattern 'A.'"),
        ({"exact": "Ab", "ignore_case": True}, "aB", "abc", "is 'Ab', in any case"),
        ({"contains": "Ab", "ignore_case": True}, "cABc", "c", "contains 'Ab', in any case"),
        ({}, None, "", "is compared by an extension"),
    ],
)  # fmt: skip
def test_text_is_compared_as_envoy_does(
    settings: dict[str, Any], fits: str | None, not_: str, words: str
) -> None:
    matcher = ParseDict(settings, StringMatcher())
    assert fits is None or agrees(matcher, fits)
    assert not agrees(matcher, not_)
    assert described(matcher) == words
