from __future__ import annotations

from pathlib import Path

from meltemi.testkit.conformance.proxy_starts import DIFFERENT, PATHS

DOCUMENT = Path(__file__).parents[4] / "docs" / "differences.md"


def test_what_is_not_compared_stands_in_the_list_of_differences() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [path for path in (*PATHS, *DIFFERENT) if f"`{path}`" not in text] == []
