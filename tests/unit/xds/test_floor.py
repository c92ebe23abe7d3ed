from __future__ import annotations

import pytest

from meltemi.xds.floor import Floor


@pytest.mark.parametrize(
    ("told", "revision", "met"),
    [
        ("cafe/7", 6, False),
        ("cafe/7", 7, True),
        ("cafe/7", 8, True),
        ("beef/7", 6, True),
        ("", 0, True),
        ("cafe/", 0, True),
        ("cafe/seven", 0, True),
        ("cafe/-7", 0, True),
        ("cafe/" + "9" * 20, 0, True),
        ("checkpoint", 0, True),
        ("a/b/7", 6, True),
    ],
)
def test_a_floor_holds_within_its_epoch(told: str, revision: int, *, met: bool) -> None:
    assert Floor.parse(told).met("cafe", revision) is met
