from __future__ import annotations

from pathlib import Path

from meltemi.testkit.coverage import outcomes, page

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"


def test_every_field_does_something_or_its_author_is_told() -> None:
    assert [(kind, path) for kind, path, told in outcomes() if not told] == []


def test_the_page_of_fields_says_what_was_tried(*, rewriting: bool) -> None:
    found = page()
    if rewriting:
        PAGE.write_text(found)
    assert PAGE.read_text() == found
