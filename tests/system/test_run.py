"""``meltemi run``: an application and its proxy, and what becomes of one without other."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest

from meltemi.testkit.processes import free_port, python
from meltemi.testkit.up import Up, demo, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

NAME = "greeter-1"
PROXY = f"{NAME}.default"
SCRIPT = """
trap 'exit 9' TERM
echo serving on $PORT
while :; do sleep 0.05; done
"""


@dataclass(frozen=True)
class Run:
    """A running ``meltemi run``."""

    mesh: Up
    process: subprocess.Popen[str]

    def children(self, word: str) -> list[psutil.Process]:
        """Return the agent, the Envoy or the application, by a word of its command."""
        found = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(word in part for part in each.cmdline()):
                    found.append(each)
        return found

    def child(self, word: str) -> psutil.Process:
        (found,) = self.children(word)
        return found

    def is_connected(self) -> bool:
        rows = self.mesh.json("workload", "list")
        return any(each["name"] == PROXY and each["connected"] for each in rows)

    def is_registered(self) -> bool:
        rows = self.mesh.json("workload", "list")
        return any(each["name"] == PROXY for each in rows)

    def ended(self) -> int:
        return self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def mesh() -> Iterator[Up]:
    """A demo of its own: who left is shown for minutes, and other tests count."""
    with demo() as up:
        yield up


@pytest.fixture
def run(mesh: Up) -> Iterator[Run]:
    """An application that runs, and is in the mesh."""
    words = ["--service", "greeter", "--port", "8080", "--name", NAME]
    words += ["--app", str(free_port()), "--", "sh", "-c", SCRIPT]
    command = [*python("meltemi.ctl"), "--state", str(mesh.state), "run", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        started = process.stdout.readline()
        assert started.startswith("serving on "), process.communicate()
        made = Run(mesh, process)
        assert made.is_registered(), "the proxy is ready before the application starts"
        yield made
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        process.kill()
        process.communicate()


def test_8_a_signal_reaches_the_application_and_its_exit_code_comes_back(
    run: Run,
) -> None:
    run.process.send_signal(signal.SIGTERM)
    assert run.ended() == 9
    assert not run.is_registered(), "it left before it ended"


def test_8_an_application_that_crashes_is_out_of_the_mesh_at_once(run: Run) -> None:
    run.child("serving on").kill()
    assert run.ended() == 128 + signal.SIGKILL
    assert not run.is_registered()


@pytest.mark.parametrize("part", ["meltemi.proxy", "envoy.json"])
def test_8_a_proxy_that_crashes_is_back_and_the_application_goes_on(
    run: Run, part: str
) -> None:
    application, crashed = run.child("serving on"), run.child(part)
    crashed.kill()
    eventually(lambda: not crashed.is_running(), seconds=5, what="it is dead")
    eventually(
        lambda: run.is_connected() and bool(run.children("envoy.json")),
        seconds=20,
        what="another proxy is in the mesh",
    )
    assert application.is_running()
    run.process.send_signal(signal.SIGTERM)
    assert run.ended() == 9
    assert not run.is_registered()


def test_8_when_both_crash_the_code_is_the_applications_and_the_mesh_notices(
    run: Run,
) -> None:
    pids = [run.child(word).pid for word in ("meltemi.proxy", "serving on")]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert run.ended() == 128 + signal.SIGKILL
    eventually(lambda: not run.is_registered(), seconds=5, what="the entry is gone")
