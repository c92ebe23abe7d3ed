from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meltemi.testkit.conformance.case import (
    Case,
    Result,
    Status,
    UnusableDataError,
    numbered,
)
from meltemi.testkit.conformance.suites import run

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNER = Path(__file__).parents[3] / "conformance" / "runner.py"
RIGHT = {"name": "right", "a": "*.com", "b": "a.com", "out": True}
WRONG = {"name": "wrong", "a": "*.com", "b": "a.com", "out": False}
BROKEN = {"name": "broken", "a": "*.com"}


def data(tmp_path: Path, *rows: Mapping[str, object]) -> Path:
    folder = tmp_path / "host_names"
    folder.mkdir()
    (folder / "TestNameMatches.json").write_text(json.dumps(rows))
    return tmp_path


def runner(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, RUNNER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_a_name_that_stands_twice_is_numbered() -> None:
    cases = [Case(name, str) for name in ("a", "b", "a", "a")]
    assert [case.name for case in numbered(cases)] == ["a", "b", "a#2", "a#3"]


def test_a_case_passes_fails_with_what_differs_or_fails_by_raising(
    tmp_path: Path,
) -> None:
    (results,) = run(data(tmp_path, RIGHT, WRONG, BROKEN)).values()
    assert results == [
        Result("TestNameMatches/right", Status.PASSED, ""),
        Result("TestNameMatches/wrong", Status.FAILED, "expected False, found True"),
        Result("TestNameMatches/broken", Status.FAILED, "KeyError: 'b'"),
    ]


def test_only_the_cases_asked_for_are_run(tmp_path: Path) -> None:
    (results,) = run(data(tmp_path, RIGHT, WRONG), case="ong").values()
    assert [each.case for each in results] == ["TestNameMatches/wrong"]


@pytest.mark.parametrize("suite", ["", "nonsense", "authn"])
def test_data_without_anything_to_run_is_unusable(tmp_path: Path, suite: str) -> None:
    with pytest.raises(UnusableDataError):
        run(tmp_path, suite=suite)


def test_the_runner_counts_per_suite_and_in_total_and_keeps_each_result(
    tmp_path: Path,
) -> None:
    done = runner(data(tmp_path, RIGHT, RIGHT), cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "host_names: 2 passed, 0 failed, 0 skipped",
        "2 passed, 0 failed",
    ]
    assert done.returncode == 0
    kept = json.loads((tmp_path / "conformance.json").read_text())
    assert kept["host_names"][1] == {
        "case": "TestNameMatches/right#2",
        "status": "passed",
        "reason": "",
    }


def test_the_runner_fails_below_a_floor_and_says_so(tmp_path: Path) -> None:
    done = runner(data(tmp_path, RIGHT, WRONG), cwd=tmp_path)
    assert done.returncode == 1
    assert "host_names is below its floor of 100%" in done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"


def test_the_runner_calls_useless_data_unusable(tmp_path: Path) -> None:
    done = runner(tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "holds no suite" in done.stderr
