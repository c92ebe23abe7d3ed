from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from meltemi.ctl.why import past, search
from meltemi.ctl.why.search import Search

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "BLOCK", 1024)
    monkeypatch.setattr(search, "SILENT", 4 * 1024)


def line(minute: float, **given: object) -> str:
    usual: dict[str, object] = {
        "request_id": f"other-{minute}",
        "start_time": (NOON + timedelta(minutes=minute)).isoformat(),
        "response_code": 200,
        "response_code_details": "via_upstream",
    }
    return json.dumps(usual | given) + "\n"


def busy(first: float, last: float, step: float = 1.0) -> str:
    """Return a log of requests that are not meant."""
    count = int((last - first) / step)
    return "".join(line(first + step * each) for each in range(count))


class Counted(io.BytesIO):
    """A log that knows how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.taken += len(found)
        return found


def over(most: int = 1 << 30, **logs: str) -> Search:
    return Search({name: Counted(text.encode()) for name, text in logs.items()}, most)


def taken(looked: Search, name: str) -> int:
    log = looked.logs[name]
    assert isinstance(log, Counted)
    return log.taken


def test_a_request_is_found_however_much_was_logged_since() -> None:
    web = line(0, request_id="r1") + busy(1, 2000)
    api = line(0.1, request_id="r1") + "no json\n" * 9000
    found = over(web=web, api=api).of("r1")
    assert [each.proxy for each in found] == ["web", "api"]


def test_a_log_of_no_proxy_is_not_read_to_its_beginning() -> None:
    looked = over(web=line(0, request_id="r1"), pilot="no json\n" * 9000)
    assert len(looked.of("r1")) == 1
    assert taken(looked, "pilot") <= search.SILENT


def test_in_the_same_moment_who_calls_is_before_who_is_called() -> None:
    api = line(0, request_id="r1", upstream_cluster="inbound|80||;")
    found = over(api=api, web=line(0, request_id="r1")).of("r1")
    assert [each.proxy for each in found] == ["web", "api"]


def test_once_it_is_found_nobody_reads_much_further() -> None:
    looked = over(web=busy(-20_000, 0) + line(0, request_id="r1"), api=busy(-20_000, 0))
    assert len(looked.of("r1")) == 1
    assert taken(looked, "web") < 8 * 1024
    assert taken(looked, "api") < 8 * 1024
    assert not looked.cut


def test_what_was_logged_when_a_long_request_began_is_found_too() -> None:
    end = line(0, request_id="r1") + line(59, request_id="r2")
    api = line(1, request_id="r1") + busy(2, 59, 0.01) + line(59, request_id="r1")
    found = over(api=api, gateway=end).of("r1")
    assert [(each.proxy, each.start_time[11:16]) for each in found] == [
        ("gateway", "12:00"),
        ("api", "12:01"),
        ("api", "12:59"),
    ]


def test_where_an_application_passes_no_id_on_the_trace_joins() -> None:
    web = line(0, request_id="r1", trace_id="t1") + busy(1, 900)
    api = line(0.1, request_id="r2", trace_id="t1") + busy(1, 900)
    looked = over(web=web, api=api, other=line(0, request_id="r3", trace_id="t2"))
    for asked in ("r1", "r2", "t1"):
        assert [each.proxy for each in looked.of(asked)] == ["web", "api"]
    assert over(web=line(0, request_id="r1"), api=line(0, request_id="r2")).of("r1")


def test_without_a_tracer_requests_are_not_joined_by_what_both_lack() -> None:
    web = line(0, request_id="r1", trace_id=None)
    found = over(web=web, api=line(0, request_id="r2", trace_id=None)).of("r1")
    assert [each.proxy for each in found] == ["web"]


def test_an_id_that_is_named_elsewhere_on_a_line_is_not_that_requests() -> None:
    assert over(web=line(0, path="r1", user_agent="r1")).of("r1") == []


def test_that_a_log_is_too_long_is_known() -> None:
    text = line(0, request_id="r1") + busy(1, 900)
    looked = over(2048, web=text, api=busy(1, 3))
    assert looked.of("r1") == []
    assert looked.cut == {"web"}


def test_an_id_that_everybody_sends_fills_no_memory() -> None:
    looked = over(web="".join(line(each, request_id="r1") for each in range(9000)))
    assert search.ENOUGH <= len(looked.of("r1")) < search.ENOUGH + 20
    assert looked.full


def test_the_newest_failure_is_that_of_all_logs() -> None:
    web = line(0, request_id="r1", response_code=503) + busy(1, 1200)
    api = line(-500, request_id="r0", response_code=503)
    found = over(web=web, api=api, gateway=busy(-9000, 1200)).newest_failure()
    assert found is not None
    assert (found.proxy, found.request_id) == ("web", "r1")
    assert over(web=busy(0, 50)).newest_failure() is None


def test_of_a_blocks_failures_the_newest_is_meant() -> None:
    late = line(2, request_id="late", response_code=503)
    soon = line(1, request_id="soon", response_code=503)
    for text in (late + soon, soon + late):
        found = over(web=text).newest_failure()
        assert found is not None
        assert found.request_id == "late"


def test_the_end_of_a_log_is_cut_where_more_is_wanted() -> None:
    looked = over(web=line(0, request_id="r1"), api=busy(-900, 3))
    looked.tails = {"web", "api"}
    assert len(looked.of("r1")) == 1
    assert looked.cut == {"web"}


def test_connections_that_nobody_took_are_found_by_their_caller() -> None:
    gone = {"request_id": None, "response_code_details": "filter_chain_not_found"}
    mine = line(0, downstream_remote_address="10.0.0.2:5", **gone)
    other = line(0, downstream_remote_address="10.0.0.9:5", **gone)
    but = gone | {"response_code_details": "filter_chain_not_found_but_taken"}
    taken = line(0, downstream_remote_address="10.0.0.2:5", **but)
    looked = over(api=mine + other + taken + busy(1, 900))
    since = NOON.timestamp()
    (found,) = looked.turned_away({"10.0.0.2:5"}, since)
    assert found.downstream_remote_address == "10.0.0.2:5"
    assert looked.turned_away({"10.0.0.2:5"}, since + 3 * 3600) == []
