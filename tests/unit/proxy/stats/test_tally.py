from __future__ import annotations

from meltemi.proxy.stats.tally import Tally
from meltemi.stats.counts import number
from meltemi.stats.edge import EVERYBODY
from meltemi.stats.report import MOST_EDGES, QUIET, Counted, Report, decoded, encoded
from meltemi.testkit.edges import counts, edge


def called(tally: Tally) -> dict[str, float]:
    """Return how many requests are told of whom."""
    edges = tally.report().edges
    return {e.edge.destination.workload: number(e.counts, "requests") for e in edges}


def test_what_did_not_arrive_is_told_again_with_the_next() -> None:
    tally = Tally()
    tally.count({edge(): counts(3)})
    assert tally.report() == Report((Counted(edge(), counts(3)),))
    tally.count({edge(): counts(4)})
    assert tally.report() == Report((Counted(edge(), counts(3, 4)),))
    tally.arrived()
    assert tally.report() == Report(())
    tally.count({edge(): counts(5)})
    assert tally.report() == Report((Counted(edge(), counts(5)),))


def test_ten_thousand_peers_are_few_edges_and_no_request_is_lost() -> None:
    tally = Tally(most=10)
    for burst in range(4):
        peers = range(burst * 2500, (burst + 1) * 2500)
        tally.count({edge("web", f"bomb-{n}"): counts(1) for n in peers})
    found = called(tally)
    assert len(found) == 11
    assert sum(found.values()) == 10_000


def test_an_edge_that_was_quiet_for_a_minute_makes_room() -> None:
    tally = Tally(most=2)
    tally.count({edge("web", "a"): counts(1), edge("web", "b"): counts(1)})
    for _ in range(QUIET - 2):
        tally.count({edge("web", "b"): counts(1)})
    tally.arrived()
    tally.count({edge("web", "new"): counts(1)})
    assert called(tally) == {EVERYBODY.workload: 1}
    tally.arrived()
    tally.count({edge("web", "new"): counts(1), edge("web", "b"): counts(1)})
    assert called(tally) == {"new": 1, "b": 1}


def test_an_edge_that_is_new_again_on_this_page_does_not_make_room() -> None:
    tally = Tally(most=1)
    tally.count({edge("web", "a"): counts(1)})
    for _ in range(QUIET):
        tally.count({})
    tally.arrived()
    tally.count({edge("web", "new"): counts(1), edge("web", "a"): counts(1)})
    assert called(tally) == {"a": 1, EVERYBODY.workload: 1}


def test_what_nobody_heard_of_a_forgotten_edge_is_told_as_others() -> None:
    tally = Tally(most=1)
    tally.count({edge("web", "a"): counts(1, 2)})
    for n in range(5):
        for _ in range(QUIET):
            tally.count({})
        tally.count({edge("web", f"new-{n}"): counts(3)})
    assert called(tally) == {"new-4": 1, EVERYBODY.workload: 6}


def test_the_fullest_report_is_one_that_a_pilot_takes() -> None:
    tally = Tally()
    for reporter in ("source", "destination"):
        for protocol in ("http", "grpc", "tcp"):
            kind = {"reporter": reporter, "protocol": protocol}
            peers = (edge(f"w{n}", f"w{n}", **kind) for n in range(MOST_EDGES))
            tally.count(dict.fromkeys(peers, counts(1)))
    report = tally.report()
    assert len(report.edges) == MOST_EDGES + 5
    assert decoded(encoded(report)) == report
