from __future__ import annotations

from meltemi.ctl.table import table


def test_columns_are_as_wide_as_they_need_and_lines_end_without_blanks() -> None:
    assert table([["NAME", "AGE"], ["reviews", "3s"], ["x", ""]]) == (
        "NAME      AGE\nreviews   3s\nx"
    )
