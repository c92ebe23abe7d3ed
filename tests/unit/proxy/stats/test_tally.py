from __future__ import annotations

from meltemi.proxy.stats.tally import Tally
from meltemi.stats.report import Counted, Report
from meltemi.testkit.edges import counts, edge


def test_what_did_not_arrive_is_told_again_with_the_next() -> None:
    tally = Tally()
    first, then = {edge(): counts(3)}, {edge(): counts(3, 4)}
    assert tally.news(first) == Report((Counted(edge(), counts(3)),))
    assert tally.news(then) == Report((Counted(edge(), counts(3, 4)),))
    tally.arrived(then)
    assert tally.news(then) == Report(())
    later = {edge(): counts(3, 4, 5)}
    assert tally.news(later) == Report((Counted(edge(), counts(5)),))
