from __future__ import annotations

import pytest

from meltemi.testkit.fakes.bus import matches


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("*.b.>", "a.c.d", False),
    ],
)
def test_wildcards_match_as_nats_matches_them(
    pattern: str, subject: str, *, expected: bool
) -> None:
    assert matches(pattern, subject) is expected
