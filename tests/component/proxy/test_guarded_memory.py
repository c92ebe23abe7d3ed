from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from meltemi.proxy.adapters.guarded_memory import _is_lock_unlimited

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SCRIPT = """
import ctypes, resource
from meltemi.proxy.adapters.guarded_memory import guard_memory
guard_memory()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def test_an_agent_dumps_no_core_and_is_open_to_no_debugger() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "(0, 0) 0"


def test_memory_is_locked_only_where_no_limit_can_be_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    monkeypatch.setattr(resource, "getrlimit", lambda _: (65536, 65536))
    assert not _is_lock_unlimited(status)
    status.write_text("Name:\tx\nCapEff:\t0000000000000000\n")
    assert not _is_lock_unlimited(status)
    status.write_text(f"CapEff:\t{1 << 14:016x}\n")
    assert _is_lock_unlimited(status)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    assert _is_lock_unlimited(tmp_path / "absent")
