from __future__ import annotations

import pytest

from meltemi.galley.refusals import InvalidQueryError
from meltemi.galley.window import window_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 60), ("5s", 5), ("15m", 900), ("1m30s", 90)]
)
def test_a_window_is_a_duration_and_a_minute_unless_said(
    text: str, seconds: float
) -> None:
    assert window_of(text) == seconds


@pytest.mark.parametrize("text", ["4s", "16m", "-1m", "soon", "60"])
def test_no_window_is_shorter_than_a_report_or_longer_than_the_memory(
    text: str,
) -> None:
    with pytest.raises(InvalidQueryError, match="window"):
        window_of(text)


@pytest.mark.parametrize(
    ("text", "why"), [("3s", "too short"), ("0s", "too short"), ("16m", "no longer is")]
)
def test_it_is_said_what_is_wrong_with_a_window(text: str, why: str) -> None:
    with pytest.raises(InvalidQueryError, match=f"{text}.*{why}"):
        window_of(text)
