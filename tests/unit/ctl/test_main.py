from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meltemi.ctl.application import COMMANDS, application
from meltemi.ctl.main import execute, version_line

if TYPE_CHECKING:
    from pathlib import Path


def test_usage_errors_exit_64(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["bogus"]) == 64
    assert execute(["up", "--capture=magic"]) == 64
    assert "magic" in capsys.readouterr().err


def test_an_error_of_ours_is_one_line_and_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["kill", "etcd", "--state", str(tmp_path)]) == 65
    assert capsys.readouterr().err == (
        f"meltemi: local.no-mesh: no mesh is up in {tmp_path}: run meltemi up\n"
    )


def test_the_state_may_be_named_before_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["--state", str(tmp_path), "status"]) == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_the_version_can_be_asked_for_behind_other_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["--state", str(tmp_path), "--version"]) == 0
    assert capsys.readouterr().out == f"{version_line()}\n"


def test_status_is_printed_as_programs_want_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["--state", str(tmp_path), "status", "-o", "jsonpath=.parts"]) == 0
    assert capsys.readouterr().out == "[]\n"


@pytest.mark.parametrize(
    "words",
    [
        "apply -f a.yaml -l team=a",
        "explain vs.http -f a.yaml",
        "translate --proxy a -f a.yaml --label a=b",
        "diff -f a.yaml --against b.yaml",
        "events -f --tail 3",
    ],
)
def test_an_option_that_would_do_nothing_is_a_wrong_usage(words: str) -> None:
    assert execute(words.split()) == 64


def test_only_the_command_that_is_asked_for_is_there() -> None:
    assert {each.callback for each in application(["up"]).registered_commands}
    assert set(COMMANDS) >= {"up", "down", "status", "kill", "start"}
