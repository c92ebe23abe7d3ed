from __future__ import annotations

import msgspec
import pytest

from meltemi.stats.edge import LONGEST, Edge
from meltemi.stats.report import (
    LARGEST,
    MOST_EDGES,
    Counted,
    InvalidReportError,
    Report,
    decoded,
    encoded,
)
from meltemi.testkit.edges import counts, edge


def test_a_report_arrives_as_it_was_sent() -> None:
    report = Report((Counted(edge(), counts(3, 4)), Counted(edge("x"), counts(5))))
    assert decoded(encoded(report)) == report


def wrong(**fields: str) -> Counted:
    return Counted(msgspec.structs.replace(edge(), **fields), counts(1))


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        (wrong(service="x" * (LONGEST + 1)), "is longer than 512"),
        (wrong(reporter="me"), "reporter is source or destination"),
        (wrong(protocol="udp"), "protocol is http, grpc or tcp"),
        (wrong(security="some"), "no connection_security_policy"),
        (Counted(edge(), (1.0,)), "counts are 21 numbers"),
        (Counted(edge(), (-1.0, *counts()[1:])), "numbers from 0 to 2"),
        (Counted(edge(), counts(1, sent=2.0**53)), "numbers from 0 to 2"),
    ],
)
def test_what_no_agent_sends_is_refused_with_the_reason(
    counted: Counted, told: str
) -> None:
    with pytest.raises(InvalidReportError, match=told):
        decoded(encoded(Report((counted,))))


def test_a_report_has_bounds() -> None:
    many = tuple(Counted(edge(f"w{n}"), counts(1)) for n in range(MOST_EDGES + 7))
    with pytest.raises(InvalidReportError, match="507 edges: expected at most 500"):
        decoded(encoded(Report(many)))
    with pytest.raises(InvalidReportError, match="bytes: expected at most"):
        decoded(b" " * (LARGEST + 1))
    with pytest.raises(InvalidReportError, match="a report is JSON"):
        decoded(b"{")
    assert Edge.__struct_config__.frozen
