from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.galley.traffic import EdgeRow, Traffic, traffic
from meltemi.stats.edge import End
from meltemi.stats.report import Counted
from meltemi.testkit.edges import counts, edge, end

if TYPE_CHECKING:
    from meltemi.stats.counts import Counts
    from meltemi.stats.edge import Edge


def passed(*counted: tuple[Edge, Counts], seconds: float = 10.0) -> Traffic:
    return traffic([Counted(*each) for each in counted], seconds)


def only(found: Traffic) -> EdgeRow:
    (row,) = found.edges
    return row


def test_an_edge_has_the_callers_numbers_and_the_servers_word_on_security() -> None:
    row = only(
        passed(
            (edge(), counts(3, 3, 700, failed=1)),
            (edge(reporter="destination"), counts(3, 3)),
        )
    )
    assert (row.source, row.destination) == (end("web"), end("api"))
    assert row.security == "mutual_tls"
    assert (row.volume.requests, row.volume.failed) == (3, 1)
    assert row.volume.success == pytest.approx(2 / 3)
    assert row.volume.rps == pytest.approx(0.3)
    assert row.volume.latency_ms["p99"] == pytest.approx(500 + 500 * 0.97)


def test_what_a_proxy_told_two_pilots_is_added() -> None:
    found = passed((edge(), counts(3)), (edge(), counts(4, 5)))
    assert only(found).volume.requests == 3


def test_a_caller_without_a_proxy_is_known_by_the_server_alone() -> None:
    plain = edge(End(), reporter="destination", security="none")
    row = only(passed((plain, counts(3))))
    assert (row.source, row.security) == (End(), "none")


def test_a_server_without_a_proxy_says_nothing_of_security() -> None:
    found = passed((edge("web", End("old", "default")), counts(3)))
    assert only(found).security == "unknown"
    (row,) = found.workloads
    assert (row.workload, row.meshed, row.secured) == ("old", False, None)


def test_over_tcp_a_server_knows_its_caller_by_the_certificate() -> None:
    nameless = End(principal=end("web").principal)
    tcp = counts(opened=4, sent=70)
    found = passed(
        (edge(protocol="tcp"), tcp),
        (edge(nameless, protocol="tcp", reporter="destination"), tcp),
        (edge("other", "third", protocol="tcp"), tcp),
    )
    known, third = found.edges[1], found.edges[0]
    assert (third.source, third.security) == (end("other"), "unknown")
    assert (known.source, known.security) == (end("web"), "mutual_tls")
    assert (known.volume.connections_opened, known.volume.sent_bytes) == (4, 70)


def test_a_stranger_over_tcp_is_an_edge_of_its_own() -> None:
    stranger = End(principal=end("stranger").principal)
    found = passed(
        (edge(protocol="tcp"), counts(opened=1)),
        (edge(stranger, protocol="tcp", reporter="destination"), counts(opened=2)),
    )
    assert {each.source for each in found.edges} == {end("web"), stranger}


def test_a_workload_is_judged_by_what_its_own_proxy_counted() -> None:
    plain = edge(End(), reporter="destination", security="none")
    found = passed(
        (edge(), counts(3, 3, 3, 3, failed=4)),
        (edge(reporter="destination"), counts(3, 3, 3)),
        (plain, counts(3)),
    )
    (row,) = found.workloads
    assert (row.workload, row.namespace, row.meshed) == ("api", "default", True)
    assert (row.volume.requests, row.volume.failed) == (4, 0)
    assert row.secured == pytest.approx(0.75)


def test_nothing_that_passed_is_no_division_by_zero() -> None:
    assert passed() == Traffic(window_seconds=10.0, edges=(), workloads=())
    (row,) = passed((edge(reporter="destination"), counts(sent=5))).workloads
    assert (row.volume.success, row.secured) == (None, None)
    assert row.volume.latency_ms["p50"] is None
