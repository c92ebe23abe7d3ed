"""Ties a program to its parent: when the parent dies, the kernel kills the program.

Run as a script: ``python -I -S tether.py PARENT-PID PROGRAM ARGUMENT…``. It asks for
the signal and becomes the program, so there is no process in between. It imports
nothing of ours: it must start in a few milliseconds.

Source:
    PR_SET_PDEATHSIG of prctl(2): kept across execve, delivered when the thread that
    forked ends, which for the agent is its main thread.

"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, program: list[str]) -> None:
    """Become ``program``, unless ``parent`` is already gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(f"tether: the parent {parent} is gone")
    os.execv(program[0], program)  # noqa: S606 - that is what this is for


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
