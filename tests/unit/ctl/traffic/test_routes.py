from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meltemi.ctl.main import execute
from meltemi.ctl.report.archive import write_report

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
