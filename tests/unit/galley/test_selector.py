from __future__ import annotations

import pytest

from meltemi.galley.refusals import InvalidQueryError
from meltemi.galley.selector import LabelSelector

LABELS = {"app": "reviews", "version": "v1"}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app=reviews", True),
        ("app==reviews,version=v1", True),
        (" app = reviews , version != v2 ", True),
        ("app=ratings", False),
        ("app!=reviews", False),
        ("team!=a", True),
        ("team=", False),
        ("app=reviews,version=v2", False),
    ],
)
def test_equality_terms_all_have_to_hold(text: str, *, selected: bool) -> None:
    assert LabelSelector.parse(text).selects(LABELS) is selected


@pytest.mark.parametrize("text", ["app", "app in (a)", "=x", "a=b,", "a=b=c"])
def test_other_terms_are_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="KEY=VALUE"):
        LabelSelector.parse(text)
