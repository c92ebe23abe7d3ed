"""Keeping the workload's key out of core dumps, of other processes and of swap.

Source:
    core(5), prctl(2) PR_SET_DUMPABLE, mlockall(2), proc(5) CapEff.

"""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path
from typing import Final

import structlog

PR_SET_DUMPABLE: Final = 4
LOCK_NOW, LOCK_LATER, LOCK_WHEN_TOUCHED = 1, 2, 4
CAP_IPC_LOCK: Final = 14

log = structlog.get_logger()


def guard_memory() -> None:
    """Do what this machine lets us do, and say what it does not.

    Memory is locked only where no limit can be in the way later: under one, a lock on
    what is still to come turns an allocation years from now into a crash.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None, use_errno=True)
    undumpable = library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    locked = False
    if _is_lock_unlimited(Path("/proc/self/status")):
        locked = library.mlockall(LOCK_NOW | LOCK_LATER | LOCK_WHEN_TOUCHED) == 0
    log.info("memory.guarded", core_dumps=False, dumpable=not undumpable, locked=locked)


def _is_lock_unlimited(status: Path) -> bool:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY:
        return True
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    words = [line.split()[1] for line in lines if line.startswith("CapEff:")]
    return bool(words) and bool(int(words[0], 16) >> CAP_IPC_LOCK & 1)
