from __future__ import annotations

import pytest

from meltemi.events.trace_context import TraceContext, change_trace
from meltemi.kernel.names import Epoch, Revision

CAFE = Epoch("cafe")


def test_a_traceparent_is_read_as_it_is_written() -> None:
    for sampled in (True, False):
        made = TraceContext(0xABC, 0xDEF, sampled)
        assert TraceContext.parse(str(made)) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"ff-{'1' * 32}-{'1' * 16}-01",
        f"00-{'A' * 32}-{'1' * 16}-01",
    ],
)
def test_what_is_no_traceparent_says_nothing(text: str) -> None:
    assert TraceContext.parse(text) is None


def test_a_change_has_the_same_trace_for_everybody_and_another_in_another_ledger() -> (
    None
):
    made = change_trace(CAFE, Revision(7), 1.0)
    assert change_trace(CAFE, Revision(7), 1.0) == made
    assert change_trace(CAFE, Revision(8), 1.0).trace_id != made.trace_id
    assert change_trace(Epoch("beef"), Revision(7), 1.0).trace_id != made.trace_id


def test_a_share_of_the_changes_is_sampled_and_a_larger_one_has_all_of_a_smaller() -> (
    None
):
    def sampled(share: float) -> set[int]:
        every = range(1, 2001)
        return {n for n in every if change_trace(CAFE, Revision(n), share).sampled}

    assert sampled(0.0) == set()
    assert len(sampled(1.0)) == 2000
    assert 140 < len(sampled(0.1)) < 260
    assert sampled(0.1) < sampled(0.5)
