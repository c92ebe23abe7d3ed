from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meltemi.ctl.main import execute
from meltemi.ctl.report.archive import write_report
from meltemi.ctl.traffic import routes
from meltemi.kernel.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def line(second: int, service: str) -> str:
    said = {
        "request_id": "r",
        "start_time": f"2030-01-01T00:00:{second:02}.000Z",
        "route_name": "new",
        "response_code": 200,
        "duration": 4,
        "upstream_cluster": f"outbound|80||{service}.default.svc.cluster.local",
    }
    return json.dumps(said) + "\n"


def test_a_bug_report_is_read_whole_however_old_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.tar.gz"
    log = "".join(line(second, "api") for second in range(11)) + line(5, "other")
    write_report(
        report, {"logs/web.log": log.encode()}, datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert execute(("routes", "api", "--from", str(report))) == 0
    _, row = (each.split() for each in capsys.readouterr().out.splitlines())
    host = "api.default.svc.cluster.local"
    assert row == ["new", host, "web", "11", "100.00%", "1.1", "4ms", "4ms", "4ms"]
    assert execute(("routes", "ghost", "--from", str(report))) == 65
    told = capsys.readouterr()
    assert not told.out
    assert f"'ghost' in this window, but of: {host}, " in told.err
    assert execute(("routes", "--from", str(report), "-o", "json")) == 0
    assert [each["requests"] for each in json.loads(capsys.readouterr().out)] == [11, 1]


def test_a_mesh_without_requests_has_no_routes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(("--state", str(tmp_path), "routes")) == 0
    assert capsys.readouterr().out.splitlines()[1:] == []


def test_more_than_the_end_of_a_log_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2030, 1, 1, 0, 1, tzinfo=UTC)
    monkeypatch.setattr(SystemClock, "now", lambda _: now)
    (tmp_path / "logs").mkdir()
    log = "".join(line(30, "api") for _ in range(12_000))
    assert len(log) > 2 * 1024 * 1024
    (tmp_path / "logs" / "web.log").write_text(log)
    words = ("--state", str(tmp_path), "routes", "web.default")
    assert execute(words) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1].split()[3:6] == ["12000", "100.00%", "200.0"]
    assert not told.err
    monkeypatch.setattr(routes, "MOST", 1024 * 1024)
    assert execute(words) == 0
    told = capsys.readouterr()
    requests, _, rps = told.out.splitlines()[1].split()[3:6]
    assert f"{int(requests) / 30:.1f}" == rps
    assert told.err.startswith("note: of the log of web only the end could be read")


def test_that_a_report_has_only_the_end_of_a_log_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, now = tmp_path / "report.tar.gz", datetime(2030, 1, 1, tzinfo=UTC)
    logs = {"logs/web.log": "".join(line(each, "api") for each in range(11)).encode()}
    for tails in (b"{}", b'{"web": 5000000}'):
        write_report(report, logs | {"tails.json": tails}, now)
        assert execute(("routes", "--from", str(report))) == 0
        assert ("of the log of web" in capsys.readouterr().err) is (tails != b"{}")
