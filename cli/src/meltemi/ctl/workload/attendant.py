"""Two processes that belong together: a workload's agent, and its application.

The agent is first up and last down. While the application runs an agent that ended is
started again; when the application ends the agent leaves the mesh, drains and ends.

Signals are waited for, not handled: nothing happens between two of them. What comes
from the terminal has reached the application already, for it is in our process group;
what somebody sent to us alone is passed on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from meltemi.credentials.citadel import REFUSALS
from meltemi.ctl.local.web import ask
from meltemi.ctl.workload.rights import network_kept_back
from meltemi.kernel.backoff import Backoff
from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from random import Random

    from meltemi.kernel.clock import Clock

PASSED_ON: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
ENDING: Final = PASSED_ON[:4]
AWAITED: Final = (*PASSED_ON, signal.SIGCHLD)
SI_KERNEL: Final = 0x80
"""``si_code`` of what the kernel sends, as for Ctrl-C (sigaction(2))."""

JOIN_SECONDS: Final = 60.0
END_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.1
LONG_SECONDS: Final = 3600.0
AGAIN: Final = Backoff(first=0.4, ceiling=10.0)
PROVEN_SECONDS: Final = 30.0
"""After how long an agent that ends counts as one that worked."""
LAST_LINES: Final = 15
NOT_FOUND, NOT_RUN = 127, 126
"""Exit codes of a shell for a command that is not there, or cannot be run."""
SIGNALLED: Final = 128


class NotJoinedError(MeshError):
    """The workload did not get into the mesh."""

    code = "workload.not-joined"
    blame = Blame.PEER


class TokenRefusedError(MeshError):
    """Citadel gives no certificate for the token."""

    code = "workload.token-refused"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, with nothing of the environment but this."""

    argv: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AgentProgram(Program):
    """The agent, where it is asked how it is, and where it says more."""

    status: str
    log: Path


class Attendant:
    """Runs an agent and, once it is in the mesh, an application."""

    def __init__(
        self,
        agent: AgentProgram,
        application: Program | None,
        clock: Clock,
        rng: Random,
        tell: Callable[[str], None],
    ) -> None:
        self._agent, self._application = agent, application
        self._clock, self._rng, self._tell = clock, rng, tell
        self._agent_pid = self._application_pid = 0
        self._code: int | None = None
        self._began = self._again = 0.0
        self._failures = 0

    def run(self, joined: Callable[[], None]) -> int:
        """Return the exit code: the application's, or 128 and the signal's number.

        ``joined`` is called when the workload is in the mesh. Without an application
        the agent runs until a signal asks us to end, which is 0.

        Raises:
            NotJoinedError: If that takes over a minute, or the agent ends before.
            TokenRefusedError: If Citadel does not take the token.

        """
        signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
        self._start_agent()
        try:
            number = self._until_joined()
            if number:
                return SIGNALLED + number
            joined()
            return self._attend()
        finally:
            self._end_agent()

    def _start_agent(self) -> None:
        log = (str(self._agent.log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._agent_pid = os.posix_spawn(
            self._agent.argv[0],
            tuple(self._agent.argv),
            self._agent.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, *log),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setpgroup=0,  # Ctrl-C in a terminal is for the application
            setsigmask=[],
        )
        self._began = self._clock.monotonic()

    def _start_application(self, application: Program) -> None:
        try:
            with network_kept_back():
                self._application_pid = os.posix_spawnp(
                    application.argv[0],
                    tuple(application.argv),
                    application.environ,
                    setsigmask=[],
                )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            self._code = NOT_FOUND if missing else NOT_RUN
            self._tell(f"{application.argv[0]}: {error.strerror}")

    def _until_joined(self) -> int:
        """Wait until the agent is in the mesh; return the signal that came instead."""
        deadline = self._clock.monotonic() + JOIN_SECONDS
        while True:
            status, body = ask("GET", f"{self._agent.status}/joined", seconds=1.0)
            why = body.decode(errors="replace").strip()
            if status == HTTPStatus.OK:
                return 0
            if refusal := _refusal(why):
                raise TokenRefusedError(refusal)
            if self._clock.monotonic() > deadline:
                raise NotJoinedError(f"not within {JOIN_SECONDS:.0f} s: {why}")
            info = signal.sigtimedwait(AWAITED, LOOK_SECONDS)
            if info is not None and info.si_signo in ENDING:
                return info.si_signo
            self._collect()
            if not self._agent_pid:
                raise NotJoinedError(
                    f"its agent ended:\n{_last_lines(self._agent.log)}"
                )

    def _attend(self) -> int:
        if self._application is not None:
            self._start_application(self._application)
        while self._code is None:
            info = signal.sigtimedwait(AWAITED, self._patience())
            self._collect()
            self._revive()
            number = 0 if info is None else info.si_signo
            if self._application is None and number in ENDING:
                return 0
            if info is not None and number in PASSED_ON and info.si_code != SI_KERNEL:
                _send(self._application_pid, number)
        return self._code

    def _patience(self) -> float:
        if self._agent_pid:
            return LONG_SECONDS
        return max(0.0, self._again - self._clock.monotonic())

    def _collect(self) -> None:
        """Take note of children that ended."""
        if (code := _ended(self._application_pid)) is not None:
            self._application_pid = 0
            self._code = code
        if (code := _ended(self._agent_pid)) is not None:
            self._agent_pid = 0
            ran = self._clock.monotonic() - self._began
            self._failures = 0 if ran > PROVEN_SECONDS else self._failures + 1
            wait = AGAIN.delay(max(0, self._failures - 1), self._rng)
            self._again = self._clock.monotonic() + wait
            if self._began and self._code is None:
                self._tell(f"the agent ended with {code}: see {self._agent.log}")

    def _revive(self) -> None:
        """Start the agent again when it is time; its credential is on disk."""
        due = not self._agent_pid and self._clock.monotonic() >= self._again
        if due and self._code is None:
            self._start_agent()

    def _end_agent(self) -> None:
        """Have the agent leave, drain and end; a second signal hurries it."""
        deadline = self._clock.monotonic() + END_SECONDS
        _send(self._agent_pid, signal.SIGTERM)
        while self._agent_pid:
            left = deadline - self._clock.monotonic()
            if left <= 0:
                _send(self._agent_pid, signal.SIGKILL)
            info = signal.sigtimedwait(AWAITED, max(left, 1.0))
            if info is not None and info.si_signo in ENDING:
                _send(self._agent_pid, signal.SIGTERM)
            if _ended(self._agent_pid) is not None:
                self._agent_pid = 0


def tethered(module: str) -> list[str]:
    """Return the command that runs ``module`` and dies with this process."""
    from meltemi.proxy import tether  # noqa: PLC0415 - only its place is wanted

    wrapper = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
    return [*wrapper, sys.executable, "-m", module]


def _refusal(report: str) -> str:
    """Return the line of an agent's report that tells of Citadel's no; else nothing."""
    lines = report.splitlines()
    words = [each.name for each in REFUSALS]
    return next((line for line in lines if any(word in line for word in words)), "")


def _send(pid: int, number: int) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _ended(pid: int) -> int | None:
    """Return the exit code of a child that ended, as a shell tells it."""
    if not pid:
        return None
    found, status = os.waitpid(pid, os.WNOHANG)
    if not found:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else SIGNALLED - code


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-LAST_LINES:])
