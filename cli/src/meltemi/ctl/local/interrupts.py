"""Ctrl-C as a question that is asked between two steps, never in the middle of one."""

from __future__ import annotations

import contextlib
import fcntl
import signal
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType


class BusyError(MeshError):
    """Another command changes the mesh in this folder."""

    code = "local.busy"
    blame = Blame.PEER


class Interrupt:
    """Whether the user wants us to stop."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Raise KeyboardInterrupt when the user wants us to stop."""
        if self.asked:
            raise KeyboardInterrupt


@contextlib.contextmanager
def interrupts() -> Iterator[Interrupt]:
    """Turn SIGINT, SIGTERM and, without nohup, SIGHUP into a flag.

    An exception out of nowhere could strike between the start of a process and the
    note that we started it; then nobody would end it. A shell starts background jobs
    with SIGINT ignored; whoever sends it to us all the same means it.
    """
    interrupt = Interrupt()

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupt.asked = True

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Be the only command that changes the mesh in ``state``.

    Raises:
        BusyError: If another one does.

    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"another meltemi changes the mesh in {state}: wait for it"
            ) from None
        yield
