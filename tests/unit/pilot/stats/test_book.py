from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meltemi.kernel.identity import SpiffeId
from meltemi.kernel.names import Namespace
from meltemi.pilot.stats.book import Book, reporter_of
from meltemi.pilot.stats.ring import Ring
from meltemi.stats.counts import number
from meltemi.stats.edge import End
from meltemi.stats.report import Counted, Report
from meltemi.testkit.edges import counts, edge, end
from meltemi.testkit.fakes.clock import StillClock

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WEB = SpiffeId("cluster.local", Namespace("shop"), "web")


def test_what_was_told_is_there_for_as_long_as_is_asked() -> None:
    clock = StillClock(NOW)
    book = Book(clock)
    report = Report((Counted(edge(), counts(1)),))
    book.note(report, None)
    clock.advance(5)
    assert book.over(5) == report
    clock.advance(30)
    assert book.over(5) == Report(())
    assert book.over(60) == report
    clock.advance(865)
    assert book.over(900) == report, "fifteen minutes are remembered to the end"
    clock.advance(5)
    assert book.over(10**9) == Report(())


@pytest.mark.parametrize("seconds", [5, 10, 15, 60, 900])
@pytest.mark.parametrize("late", [0.0, 1.0, 4.9])
def test_steady_traffic_has_its_rate_whenever_and_over_whatever_is_asked(
    seconds: float, late: float
) -> None:
    clock = StillClock(NOW)
    book = Book(clock)
    apart = 0.5
    for _ in range(190):
        for _ in range(10):
            clock.advance(apart)
            book.note(Report((Counted(edge(), counts(1, 2)),)), None)
    clock.advance(late)
    (found,) = book.over(seconds).edges
    assert number(found.counts, "requests") / seconds == 4.0


def test_who_has_reported_in_a_period_that_goes_on_is_not_counted_yet() -> None:
    clock = StillClock(NOW)
    book = Book(clock)
    one = Counted(edge("one"), counts(1))
    book.note(Report((one, Counted(edge("two"), counts(1)))), None)
    clock.advance(5)
    book.note(Report((one,)), None)
    assert {number(each.counts, "requests") for each in book.over(5).edges} == {1.0}
    assert len(book.over(5).edges) == 2


def test_nobody_counts_in_the_name_of_another() -> None:
    clock = StillClock(NOW)
    book = Book(clock)
    claimed = edge("admin", "api")
    received = edge("admin", "api", reporter="destination")
    book.note(Report((Counted(claimed, counts(1)), Counted(received, counts(1)))), WEB)
    clock.advance(5)
    sent, heard = (each.edge for each in book.over(5).edges)
    own = End("admin", "shop", "spiffe://cluster.local/ns/shop/sa/web")
    assert (sent.source, sent.destination) == (own, end("api"))
    assert heard.source == end("admin")
    assert heard.destination == End("api", own.namespace, own.principal)


def test_an_account_has_one_share_whatever_names_its_workloads_say() -> None:
    api = SpiffeId("cluster.local", Namespace("shop"), "api")
    book = Book(StillClock(NOW))
    book.ring = Ring(most=4)
    for n in range(4):
        book.note(Report((Counted(edge(f"name-{n}"), counts(1)),)), WEB)
    mine = [Counted(edge("api", f"callee-{n}"), counts(1)) for n in range(2)]
    book.note(Report(tuple(mine)), api)
    assert book.ring.dropped == 2


def test_where_nobody_proves_anything_a_share_is_a_workloads() -> None:
    told = edge("web", "api"), edge("web", "api", reporter="destination")
    assert [reporter_of(each, None) for each in told] == ["web.default", "api.default"]
