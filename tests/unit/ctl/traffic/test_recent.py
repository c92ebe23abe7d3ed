from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from meltemi.ctl.traffic import recent
from meltemi.ctl.traffic.recent import Recent
from meltemi.ctl.why import past

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SINCE = NOON.timestamp()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "BLOCK", 1024)
    monkeypatch.setattr(recent, "SILENT", 4 * 1024)


def busy(first: int, last: int) -> bytes:
    """Return the log of a request a second, from and to so many after noon."""
    said = (
        {"request_id": "r", "start_time": (NOON + timedelta(seconds=each)).isoformat()}
        for each in range(first, last)
    )
    return "".join(f"{json.dumps(each)}\n" for each in said).encode()


def test_all_that_began_in_the_window_is_read_however_much_it_is() -> None:
    looked = Recent({"web": io.BytesIO(busy(-50, 900))}, SINCE)
    assert len(list(looked.hops())) == 900
    assert looked.begins == {}


def test_nobody_reads_much_further_back() -> None:
    log = io.BytesIO(busy(-9000, 10))
    assert len(list(Recent({"web": log}, SINCE).hops())) == 10
    assert log.tell() > 500 * 1024, "the last block that was read is near the end"


def test_a_log_of_which_too_much_is_of_the_window_is_told_to_be_cut() -> None:
    logs = {"web": io.BytesIO(busy(-9000, 900)), "api": io.BytesIO(busy(0, 20))}
    looked = Recent(logs, SINCE, most=10 * 1024)
    found = [each for each in looked.hops() if each.proxy == "web"]
    assert 0 < len(found) < 900
    assert looked.begins == {"web": SINCE + 900 - len(found)}


def test_the_end_of_a_log_is_cut_only_where_it_begins_in_the_window() -> None:
    logs = {"web": io.BytesIO(busy(5, 20)), "api": io.BytesIO(busy(-300, 20))}
    looked = Recent(logs, SINCE, tails={"web", "api"})
    assert len(list(looked.hops())) == 35
    assert looked.begins == {"web": SINCE + 5}


def test_a_log_of_no_proxy_is_not_read_to_its_beginning() -> None:
    log = io.BytesIO(b"no json\n" * 9000)
    assert list(Recent({"pilot": log}, SINCE, tails={"pilot"}).hops()) == []
    assert log.tell() > 60_000
