"""Processors of their own, so that who is measured does not wait for who measures."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence


def apart() -> tuple[set[int], set[int]] | None:
    """Return the first processor, and the others; None where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return ({first}, set(others)) if others else None


def keep(process: psutil.Process | int, processors: set[int]) -> None:
    """Have all threads of a process, and those they begin, run there only."""
    found = psutil.Process(process) if isinstance(process, int) else process
    for each in found.threads():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(each.id, processors)


def separate(measured: psutil.Process, others: Sequence[int]) -> bool:
    """Give ``measured`` a processor of its own, if there are two; tell whether."""
    found = apart()
    if found is None:
        return False
    own, rest = found
    keep(measured, own)
    for each in others:
        keep(each, rest)
    return True
