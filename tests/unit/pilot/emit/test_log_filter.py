from __future__ import annotations

import pytest

from meltemi.pilot import ir
from meltemi.pilot.emit.log_filter import condition


def test_everything_is_told_without_a_condition() -> None:
    assert condition(ir.LogFilter()) is None


@pytest.mark.parametrize(
    ("only", "kind"),
    [
        (ir.LogFilter(flags=("NR",)), "response_flag_filter"),
        (ir.LogFilter(expression="true"), "extension_filter"),
        (ir.LogFilter(moments=("TcpConnectionEnd",)), "log_type_filter"),
        (ir.LogFilter(grpc=False), "header_filter"),
    ],
)
def test_one_condition_is_a_filter(only: ir.LogFilter, kind: str) -> None:
    made = condition(only)
    assert made is not None
    assert made.WhichOneof("filter_specifier") == kind


def test_of_several_conditions_all_must_hold() -> None:
    made = condition(ir.LogFilter(expression="true", flags=("NR",)))
    assert made is not None
    assert len(made.and_filter.filters) == 2
