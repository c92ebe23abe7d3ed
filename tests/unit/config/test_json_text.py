from __future__ import annotations

import pytest

from meltemi.config.json_text import NotJsonNumberError, NotStrictJsonError, load


def test_json_becomes_plain_values() -> None:
    assert load('"\\ud83d\\ude00 \\u00e9"') == "😀 é"
    assert load('{"a": [1, 1.5, "x", true, null]}') == {"a": [1, 1.5, "x", True, None]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": {"b": 1, "b": 1}}', "stands twice"),
        ("NaN", "NaN is not JSON"),
        ("-Infinity", "not JSON"),
        ("1e999", "out of range"),
        ("9" * 41, "over 40 digits"),
        ("[" * 100_000, "nested too deep"),
        ("[" * 51 + "]" * 51, "nested too deep"),
        (f"[{'1,' * 5_000}1]", "more than 4,096 items"),
        ("{a: 1}", "property name"),
        ("", "Expecting value"),
        ('{"a": 1} x', "Extra data"),
        ('{"a": "\\ud800"}', "half of a character"),
        ('{"\\uDC00": 1}', "half of a character"),
    ],
)
def test_what_json_readers_quietly_pass_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotStrictJsonError, match=reason):
        load(text)


def test_an_integer_has_at_most_forty_digits() -> None:
    assert load("9" * 40) == int("9" * 40)
    with pytest.raises(NotJsonNumberError, match="over 40 digits"):
        load("9" * 41)
