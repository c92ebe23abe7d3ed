"""An agent and its application as real processes: signals, exit codes, crashes."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest

from meltemi.ctl.workload.attendant import END_SECONDS
from meltemi.testkit.processes import accepts, free_port
from meltemi.testkit.up import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AGENT = """
import http.server, os, pathlib, signal, sys
port, said, status, words = sys.argv[1:]
class Joined(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(status)); self.end_headers()
        self.wfile.write(words.encode())
    def log_message(self, *_): pass
def left(*_):
    with open(said, "a") as file: file.write("left\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if words == "hung" else left)
with open(said, "a") as file: file.write("up\\n")
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Joined).serve_forever()
"""
ATTEND = """
import os, random, signal, sys
from pathlib import Path
from meltemi.ctl.workload import attendant
from meltemi.ctl.workload.attendant import AgentProgram, Attendant, Program
from meltemi.kernel.clock import SystemClock
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a test run under nohup ignores it
patience, agent, port, said, status, words, log, *command = sys.argv[1:]
attendant.END_SECONDS = float(patience)
agent = (sys.executable, agent, port, said, status, words)
program = Program(command, dict(os.environ)) if command else None
made = AgentProgram(agent, dict(os.environ), f"http://127.0.0.1:{port}", Path(log))
tell = lambda line: print(line, file=sys.stderr, flush=True)
attendant = Attendant(made, program, SystemClock(), random.Random(1), tell)
sys.exit(attendant.run(lambda: tell("joined")))
"""
TRAPPED = "trap 'exit 9' TERM; trap 'exit 8' HUP; echo on; while :; do sleep 0.05; done"

NOTES = """
import signal, sys
heard = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, heard)
print("on", flush=True)
number = 0
while number != signal.SIGTERM:
    number = signal.sigwait(heard)
    print(number.name, flush=True)
"""
CTRL_C = b"\x03"


@dataclass
class Pair:
    """The process that attends both, and what the agent wrote."""

    process: subprocess.Popen[str]
    port: int
    said: Path

    def told(self) -> list[str]:
        return self.said.read_text().split() if self.said.exists() else []

    def child(self, word: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        (found,) = [each for each in children if word in " ".join(each.cmdline())]
        return found

    def rises(self, times: int) -> None:
        wanted = ["up"] * times
        eventually(lambda: self.told() == wanted, seconds=10, what="another agent")

    def ended(self) -> int:
        return self.process.wait(timeout=20)


@contextlib.contextmanager
def attended(
    folder: Path,
    *command: str,
    status: int = 200,
    words: str = "ok",
    terminal: int | None = None,
) -> Iterator[Pair]:
    """Attend an agent that answers so, and ``command``, from a ``terminal`` of its own.

    An agent whose words are "hung" does not end when it is asked to.
    """
    (folder / "agent.py").write_text(AGENT)
    port, said = free_port(), folder / "said"
    argv = [] if terminal is None else ["setsid", "--ctty"]
    patience = "0.3" if words == "hung" else f"{END_SECONDS}"
    argv += [sys.executable, "-c", ATTEND, patience, str(folder / "agent.py")]
    argv += [str(port), str(said), str(status), words, str(folder / "log"), *command]
    process = subprocess.Popen(
        argv,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Pair(process, port, said)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137)],
)
def test_the_exit_code_is_the_applications_and_the_agent_leaves_after_it(
    tmp_path: Path, script: str, code: int
) -> None:
    with attended(tmp_path, "sh", "-c", script) as pair:
        assert pair.ended() == code
        assert pair.told() == ["up", "left"]


def test_a_command_that_is_not_there_ends_as_in_a_shell(tmp_path: Path) -> None:
    with attended(tmp_path, "no-such-command-anywhere") as pair:
        assert pair.ended() == 127
        assert pair.told() == ["up", "left"]


def test_the_application_starts_when_the_agent_is_in_the_mesh_and_not_before(
    tmp_path: Path,
) -> None:
    with attended(tmp_path, "touch", str(tmp_path / "ran"), status=503) as pair:
        eventually(lambda: accepts(pair.port), seconds=20, what="the agent answers")
        pair.process.send_signal(signal.SIGTERM)
        assert pair.ended() == 143
        assert pair.told() == ["up", "left"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 9), (signal.SIGHUP, 8)])
def test_signals_reach_the_application(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with attended(tmp_path, "sh", "-c", TRAPPED) as pair:
        assert pair.process.stdout
        assert pair.process.stdout.readline() == "on\n"
        pair.process.send_signal(number)
        assert pair.ended() == code
        assert pair.told() == ["up", "left"]


def test_ctrl_c_reaches_the_application_once(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    notes = (sys.executable, "-c", NOTES)
    with attended(tmp_path, *notes, terminal=terminal) as pair:
        heard = pair.process.stdout
        assert heard
        assert heard.readline() == "on\n"
        pair.process.send_signal(signal.SIGSTOP)  # the application hears it first
        os.write(keyboard, CTRL_C)
        assert heard.readline() == "SIGINT\n", "from the terminal"
        pair.process.send_signal(signal.SIGCONT)
        pair.process.send_signal(signal.SIGTERM)
        assert heard.readline() == "SIGTERM\n", "and not once more from us"
        assert pair.ended() == 0
    os.close(keyboard)
    os.close(terminal)


def test_an_agent_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with attended(tmp_path, "sh", "-c", "exit 3", words="hung") as pair:
        assert pair.ended() == 3
        assert pair.told() == ["up"]


def test_without_an_application_a_signal_ends_it_well(tmp_path: Path) -> None:
    with attended(tmp_path) as pair:
        assert pair.process.stderr
        assert pair.process.stderr.readline() == "joined\n"
        pair.process.send_signal(signal.SIGTERM)
        assert pair.ended() == 0
        assert pair.told() == ["up", "left"]


def test_an_agent_that_dies_is_started_again_and_the_application_goes_on(
    tmp_path: Path,
) -> None:
    with attended(tmp_path, "sh", "-c", TRAPPED) as pair:
        assert pair.process.stdout
        assert pair.process.stdout.readline() == "on\n"
        application = pair.child("trap")
        for again in (2, 3):
            pair.child("agent.py").kill()
            pair.rises(again)
        assert application.is_running()
        pair.process.send_signal(signal.SIGTERM)
        assert pair.ended() == 9


def test_when_both_die_the_code_is_the_applications(tmp_path: Path) -> None:
    with attended(tmp_path, "sh", "-c", TRAPPED) as pair:
        assert pair.process.stdout
        assert pair.process.stdout.readline() == "on\n"
        agent, application = pair.child("agent.py"), pair.child("trap")
        os.kill(agent.pid, signal.SIGKILL)
        os.kill(application.pid, signal.SIGKILL)
        assert pair.ended() == 137


def test_a_token_that_is_refused_ends_it_at_once(tmp_path: Path) -> None:
    words = "certificate failed: UNAUTHENTICATED: request authenticate failure"
    with attended(tmp_path, "true", status=503, words=words) as pair:
        assert pair.ended() == 1
        assert pair.process.stderr
        assert "TokenRefusedError" in pair.process.stderr.read()


def test_an_agent_that_cannot_start_says_why(tmp_path: Path) -> None:
    with attended(tmp_path, "true", status=503, words="x") as pair:
        eventually(lambda: accepts(pair.port), seconds=20, what="the agent answers")
        (tmp_path / "log").write_text("no Envoy here\n")
        pair.child("agent.py").kill()
        assert pair.ended() == 1
        assert pair.process.stderr
        assert "no Envoy here" in pair.process.stderr.read()
