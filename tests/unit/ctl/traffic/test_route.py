from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from meltemi.ctl.traffic.route import routes
from meltemi.ctl.why.hop import Hop

NOW = datetime(2030, 1, 1, 0, 1, tzinfo=UTC)


def hop(route: str | None, took: int, code: int = 200, at: str = "00:00:30") -> Hop:
    return Hop(
        proxy="web",
        request_id="1",
        start_time=f"2030-01-01T{at}.000Z",
        route_name=route,
        upstream_cluster="outbound|80||api.default.svc.cluster.local",
        response_code=code,
        duration=took,
    )


def test_each_route_has_its_own_count_rate_and_latencies() -> None:
    found = [hop("new", each) for each in range(1, 101)]
    found += [hop("old", 5, 503), hop("old", 5, 404), hop(None, 1)]
    new, old, unnamed = routes(found, NOW, 60.0, {})
    assert (new.route, new.requests, new.success) == ("new", 100, 1.0)
    assert new.rps == pytest.approx(100 / 60)
    assert new.latency_ms == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert (old.failed, old.success) == (1, 0.5), "a 404 is an answer"
    assert (unnamed.route, unnamed.service) == ("-", "api.default.svc.cluster.local")


def test_of_grpc_calls_the_server_failed_those_that_stat_counts_so() -> None:
    codes = (0, 7, 12, 14)
    found = [msgspec.structs.replace(hop("a", 1), grpc_status=each) for each in codes]
    (row,) = routes(found, NOW, 60.0, {})
    assert row.failed == 2


def test_what_is_older_than_the_window_or_a_servers_word_is_left_out() -> None:
    server = Hop(start_time="2030-01-01T00:00:30.000Z", upstream_cluster="inbound|80||")
    old = hop("old", 1, at="00:00:01")
    assert routes([server, old], NOW, 30.0, {}) == []
    assert len(routes([server, old], NOW, 60.0, {})) == 1


def test_of_a_log_that_does_not_reach_back_the_rate_is_of_the_time_it_does() -> None:
    found = [hop("new", 1) for _ in range(60)]
    half = NOW.timestamp() - 30.0
    for begins, rps in (({"web": half}, 2.0), ({"other": half}, 1.0)):
        (row,) = routes(found, NOW, 60.0, begins)
        assert (row.requests, row.rps) == (60, rps)
