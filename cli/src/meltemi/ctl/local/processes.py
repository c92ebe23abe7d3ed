"""Processes that outlive us: started in a session of their own, ended by pid.

A part's children (an agent's Envoy) are in its session. While one of them lives the
kernel does not give the session's number to anybody else, so they can be found and
ended even when the part itself is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from meltemi.ctl.local.record import Running
from meltemi.kernel.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from meltemi.ctl.local.part import Part

INHERITED = (
    "CITADEL_MAX_WORKLOAD_TTL",
    "CITADEL_ROTATION_DISTRIBUTE",
    "CITADEL_ROTATION_DRAIN",
    "CITADEL_WORKLOAD_TTL",
    "GALLEY_TRACING_SHARE",
    "GALLEY_TRACING_URL",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PILOT_TRACING_SHARE",
    "PILOT_TRACING_URL",
    "PYTHONPATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "USER",
    "VIRTUAL_ENV",
)
"""What parts get from the user's environment: a stray setting would stop a service,
and a web proxy would come between parts on one machine. Lives of certificates may be
short, to see them renewed and their root replaced."""

KILL_SECONDS = 5.0
POLL_SECONDS = 0.05
CLOCK_TOLERANCE = 0.5
"""Seconds by which two readings of one process's start may differ."""


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of ``environ`` that parts may see."""
    return {name: environ[name] for name in INHERITED if name in environ}


def spawn(part: Part, environ: Mapping[str, str], log: Path) -> Running:
    """Start ``part`` with its output appended to ``log``; return at once."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the argv is our own plan's
            part.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environ, **part.environ},
            start_new_session=True,
        )
    process.returncode = 0  # it outlives us: no warning that it was not waited for
    started = psutil.Process(process.pid).create_time()
    return Running(process.pid, started, part.stage)


def is_alive(running: Running) -> bool:
    """Tell whether the very process still runs."""
    try:
        process = psutil.Process(running.pid)
        same = abs(process.create_time() - running.started) < CLOCK_TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def members(parts: Iterable[Running]) -> list[psutil.Process]:
    """Return the living processes of ``parts`` and of their sessions."""
    ours = {each.pid for each in parts if _is_session_ours(each)}
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in ours and _lives(process):
                found.append(process)
    return found


def _is_session_ours(running: Running) -> bool:
    """Tell whether the session still can only be the one that ``running`` opened."""
    try:
        started = psutil.Process(running.pid).create_time()
    except psutil.NoSuchProcess:
        return True
    return abs(started - running.started) < CLOCK_TOLERANCE


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def end(parts: Iterable[Running], *, grace: float) -> None:
    """Ask ``parts`` to end, wait up to ``grace`` seconds, then SIGKILL what is left.

    With no grace everything is killed at once. Returns when all of it is gone.
    """
    wanted = list(parts)
    if grace:
        for running in wanted:
            if is_alive(running):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, signal.SIGTERM)
        _await_end(wanted, grace)
    for process in members(wanted):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _await_end(wanted, KILL_SECONDS)


def _await_end(parts: Sequence[Running], seconds: float) -> None:
    """Wait until no member of ``parts`` lives, at most ``seconds``.

    Where nobody collects orphans they stay zombies: those count as ended.
    """
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while clock.monotonic() < deadline:
        reap(parts)
        if not members(parts):
            return
        time.sleep(POLL_SECONDS)


def reap(parts: Iterable[Running]) -> None:
    """Collect those of ``parts`` that are our children, so that none stays a zombie."""
    for running in parts:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(running.pid, os.WNOHANG)
