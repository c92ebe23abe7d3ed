from __future__ import annotations

import pytest

from meltemi.pilot.model.visibility import visible


@pytest.mark.parametrize(
    ("export_to", "viewer", "yes"),
    [
        ((), "other", True),
        (("*",), "other", True),
        ((".",), "home", True),
        ((".",), "other", False),
        (("~",), "home", False),
        (("other",), "other", True),
        (("other",), "third", False),
        ((".", "other"), "other", True),
    ],
)
def test_export_to_says_who_sees_an_object(
    export_to: tuple[str, ...], viewer: str, *, yes: bool
) -> None:
    assert visible(export_to, "home", viewer) is yes
