from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.service import exit_code, report
from meltemi.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import asyncio
from meltemi.runtime.service import run

async def main(stopping: asyncio.Event) -> None:
    print("up", flush=True)
    await stopping.wait()
    print("draining", flush=True)
    {after}

run(main, service="baker")
"""


class LedgerGoneError(MeshError):
    code = "ledger.gone"
    blame = Blame.PEER


@pytest.fixture
def start() -> Iterator[object]:
    started: list[subprocess.Popen[str]] = []

    def launch(after: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", PROGRAM.format(after=after)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield launch
    for process in started:
        process.kill()
        process.communicate()


def test_a_signal_lets_main_drain_and_exits_0(start: object) -> None:
    assert callable(start)
    process = start("pass")

    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=10)[0] == "draining\n"
    assert process.returncode == 0


def test_a_second_signal_ends_it_at_once(start: object) -> None:
    assert callable(start)
    process = start("await asyncio.sleep(60)")

    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "draining\n"
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=10) == 128 + signal.SIGINT


def test_errors_of_a_task_group_are_one_clear_line_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = ExceptionGroup("tasks", [LedgerGoneError("no answer from 127.0.0.1:2379")])

    assert report(group, service="baker") == 69

    expected = "baker: ledger.gone: no answer from 127.0.0.1:2379\n"
    assert capsys.readouterr().err == expected


def test_a_bug_shows_its_traceback_and_outranks_a_missing_peer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = ExceptionGroup("tasks", [LedgerGoneError("gone"), KeyError("flour")])

    assert report(group, service="baker") == 70
    assert "KeyError: 'flour'" in capsys.readouterr().err


def test_wrong_settings_are_a_usage_error() -> None:
    assert exit_code(SettingsError("BAKER_X is not a setting")) == 64
