from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.ctl import logs
from meltemi.ctl.main import execute

if TYPE_CHECKING:
    from pathlib import Path

HOP = {
    "request_id": "r1",
    "start_time": "2030-01-01T00:00:00.001Z",
    "method": "GET",
    "path": "/x",
    "response_code": 503,
    "response_flags": "UF",
    "duration": 7,
    "authority": "api",
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    pilot = "".join(f"line {each}\n" for each in range(30))
    (tmp_path / "logs" / "pilot-0.log").write_text(pilot + '{"event": "bus.away"}\n')
    (tmp_path / "logs" / "web.log").write_text(f"words\n{json.dumps(HOP)}\n")
    return tmp_path


def said(state: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert execute(("--state", str(state), "logs", *words)) == 0
    return capsys.readouterr().out.splitlines()


def test_the_last_lines_of_one_part_or_of_all(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = ["line 29", '{"event": "bus.away"}']
    assert said(state, capsys, "pilot-0", "--tail", "2") == last
    both = said(state, capsys, "--tail", "1")
    assert [each.split(":")[0] for each in both] == ["pilot-0", "web"]


def test_for_programs_a_line_is_an_object(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\n".join(said(state, capsys, "pilot-0", "--tail", "2", "-o", "json"))
    assert json.loads(text) == [
        {"part": "pilot-0", "line": "line 29"},
        {"part": "pilot-0", "event": "bus.away"},
    ]


def test_requests_are_a_table_of_what_proxies_logged(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heading, row = said(state, capsys, "--requests")
    assert heading.split()[0] == "TIME"
    time = HOP["start_time"]
    assert row.split() == [time, "web", "GET", "/x", "503", "UF", "7", "api", "r1"]


def test_a_part_without_a_log_is_no_part(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(("--state", str(state), "logs", "nobody")) == 65
    assert "there are pilot-0, web" in capsys.readouterr().err


def test_who_follows_gets_whole_lines_as_they_are_written(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = state / "logs" / "pilot-0.log"
    pieces = ["half", " a line\nan", "other\n"]

    def write(_: float) -> None:
        with file.open("a") as log:
            log.write(pieces.pop(0))

    monkeypatch.setattr("meltemi.ctl.logs.time.sleep", write)
    found = logs.followed({"pilot-0": file})
    assert [next(found), next(found)] == [
        ("pilot-0", "half a line"),
        ("pilot-0", "another"),
    ]
    found.close()
