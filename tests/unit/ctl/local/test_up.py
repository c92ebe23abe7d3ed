from __future__ import annotations

from typing import Any

import pytest

from meltemi.ctl.local.up import holds


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"connected": True, "revision": "41"}, True),
        ({"connected": True, "revision": "42"}, True),
        ({"connected": True, "revision": "40"}, False),
        ({"connected": False, "revision": "41"}, False),
        ({"connected": True, "revision": ""}, False),
        ({"connected": True, "revision": None}, False),
    ],
)
def test_a_proxy_holds_a_revision_when_it_is_connected_and_not_behind(
    row: dict[str, Any], *, expected: bool
) -> None:
    assert holds(row, 41) is expected
