from __future__ import annotations

import pytest

from meltemi.galley.paging import Continuation, Paging
from meltemi.galley.refusals import InvalidQueryError


def test_a_continuation_comes_back_as_it_was_given_out() -> None:
    given = Continuation(7, "/mesh/v1/m/a/b/ü")
    paging = Paging.parse("5", given.spell())
    assert (paging.limit, paging.start, paging.revision) == (5, given, 7)
    assert Paging.parse("", "") == Paging()


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", "²", "9" * 30])
def test_a_limit_is_a_number(limit: str) -> None:
    with pytest.raises(InvalidQueryError, match="number of objects"):
        Paging.parse(limit, "")


@pytest.mark.parametrize(
    "text",
    ["?", "abc", "e30=", Continuation(0, "").spell(), Continuation(2**63, "").spell()],
)
def test_a_forged_continuation_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="start the list again"):
        Paging.parse("", text)
