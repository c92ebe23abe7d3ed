"""How figures are told, compared and written down."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from comparison import Chosen, Size
from measure import Figure, Whose, spread
from report import Report
from rivals import compared

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_of_a_few_the_most_is_told_and_said_to_be_that() -> None:
    told = list(spread("endpoint", [3, 1, 2, 9, 4], "ms", scale=2))
    assert [(each.name, each.value) for each in told] == [
        ("endpoint, median of 5", 6),
        ("endpoint, most of 5", 18),
    ]
    assert {each.samples for each in told} == {5}


def test_of_a_hundred_and_more_the_tail_is_the_99th_percentile() -> None:
    median, tail = spread("endpoint", [*range(199), 10_000], "ms")
    assert (median.name, median.value) == ("endpoint, median of 200", 99.5)
    assert (tail.name, tail.value) == ("endpoint, 99 % of 200", 198)


def test_beside_each_figure_of_both_stands_the_peers_and_the_ratio() -> None:
    ours = [
        Figure("endpoint", 10, "ms", target=6, samples=5),
        Figure("refused", 0, ""),
        Figure("1x1 load average before", 1, ""),
        Figure("received", 3, "KiB"),
    ]
    theirs = [
        Figure("endpoint", 40, "ms", samples=5),
        Figure("1x1 load average before", 2, ""),
        Figure("received", 0, "KiB"),
    ]
    found = [(each.name, each.value, each.whose) for each in compared(ours, theirs)]
    assert found == [
        ("peer: endpoint", 40, Whose.PEER),
        ("ratio: endpoint", 0.25, Whose.RATIO),
        ("peer: 1x1 load average before", 2, Whose.PEER),
        ("peer: received", 0, Whose.PEER),
    ]


def test_a_report_says_where_what_was_asked_and_each_figure_whole() -> None:
    report = Report(Chosen(sizes=(Size(100, 50),), seed=7), NOON)
    report.add("delivery", Figure("endpoint, median of 5", 10, "ms", 6, samples=5))
    report.add("delivery", Figure("ratio: endpoint", 0.5, "", whose=Whose.RATIO))
    told = json.loads(json.dumps(report.document(NOON)))
    assert told["schema"] == 1
    assert told["begun"] == told["ended"] == "2026-11-27T12:00:00+00:00"
    assert told["machine"].keys() == {"processors", "memory_mib", "system", "python"}
    assert told["load_average"].keys() == {"before", "after"}
    assert told["asked"]["sizes"] == ["100x50"]
    assert (told["asked"]["corpus"], told["asked"]["seed"]) == ("http", 7)
    first, second = told["figures"]
    assert first == {
        "suite": "delivery",
        "name": "endpoint, median of 5",
        "value": 10,
        "unit": "ms",
        "samples": 5,
        "whose": "ours",
        "target": 6,
        "higher_is_better": False,
        "met": False,
    }
    assert (second["whose"], second["met"]) == ("ratio", None)
    assert report.missed == ["endpoint, median of 5"]
