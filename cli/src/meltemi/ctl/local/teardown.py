"""Ending a whole mesh, now or when the user has had enough."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from meltemi.ctl.local.interrupts import locked
from meltemi.ctl.local.mesh import end_parts
from meltemi.ctl.local.record import read_record

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.ctl.local.interrupts import Interrupt

POLL_SECONDS = 0.2


def end_all(state: Path) -> int:
    """End whatever runs in ``state``; return how many parts that were."""
    with locked(state):
        record = read_record(state)
        if record is None:
            return 0
        end_parts(state, record, record.parts)
        return len(record.parts)


def stay(state: Path, interrupt: Interrupt) -> None:
    """Return when the user has had enough, everything ended, or after ``down``."""
    while (record := read_record(state)) and record.parts:
        if interrupt.asked:
            end_all(state)
            return
        time.sleep(POLL_SECONDS)
