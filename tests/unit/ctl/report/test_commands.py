from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meltemi.ctl.main import execute
from meltemi.ctl.report.archive import read_report, write_report
from meltemi.ctl.report.commands import usual_name

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_report_is_called_after_its_time() -> None:
    assert usual_name(NOW) == "meltemi-bug-report-20300102T030405Z.tar.gz"


def test_a_report_is_read_without_a_mesh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "r.tgz"
    write_report(file, {"stat.txt": b"NAME\n", "lacks.txt": b"galley: away\n"}, NOW)
    assert execute(("bug-report", "--from", str(file))) == 0
    said = capsys.readouterr()
    assert "stat.txt    5" in said.out
    assert said.err == "not in it: galley: away\n"
    assert execute(("bug-report", "--from", str(file), "stat.txt")) == 0
    assert capsys.readouterr().out == "NAME\n"
    assert execute(("bug-report", "--from", str(file), "other")) != 0
    assert "has no other: lacks.txt, stat.txt" in capsys.readouterr().err


def test_where_no_mesh_is_up_that_is_what_the_report_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "pilot-0.log").write_text("password=hunter2hunter2\n")
    (tmp_path / "admin.token").write_text("known-secret-word\n")
    (tmp_path / "logs" / "galley.log").write_text("said known-secret-word\n")
    file = tmp_path / "r.tgz"
    words = ("--state", str(tmp_path), "bug-report", "--file", str(file))
    assert execute(words) == 0
    found = read_report(file)
    assert found["logs/pilot-0.log"] == b"password=[redacted]\n"
    assert found["logs/galley.log"] == b"said [redacted]\n"
    assert b"meltemi-cli" in found["versions.json"]
    assert b"no mesh is" in found["lacks.txt"]
    assert "not in it: galley: " in capsys.readouterr().err


def test_a_part_of_no_report_is_no_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(("bug-report", "stat.txt")) == 64
    assert "--from" in capsys.readouterr().err
