from __future__ import annotations

from meltemi.stats.edge import EVERYBODY, OTHERS
from meltemi.testkit.edges import edge, end


def test_a_proxy_with_too_many_peers_still_says_who_it_is() -> None:
    sent, received = edge().with_others(), edge(reporter="destination").with_others()
    assert (sent.source, sent.destination) == (end("web"), EVERYBODY)
    assert (received.source, received.destination) == (EVERYBODY, end("api"))
    assert sent.service == OTHERS


def test_among_others_nobody_is_told_apart_but_by_reporter_and_protocol() -> None:
    one, two = edge("a", "b"), edge("c", "d")
    assert one.among_others() == two.among_others()
    assert one.among_others() != edge(protocol="tcp").among_others()
    assert one.among_others() != edge(reporter="destination").among_others()
