"""The same door for a fuzzer that follows the code it reaches, where there is one."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FEW, MANY = 2_000, 100_000
TARGET = Path(__file__).parent / "atheris_door.py"
absent = pytest.mark.skipif(
    find_spec("atheris") is None,
    reason="atheris is not installed: it has wheels for some Pythons only",
)


def fuzz(runs: int, corpus: Path) -> None:
    argv = [sys.executable, str(TARGET), str(corpus), f"-atheris_runs={runs}"]
    done = subprocess.run(
        [*argv, "-seed=1", "-timeout=5", f"-artifact_prefix={corpus}/"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {runs} in" in done.stderr


@absent
@pytest.mark.timeout(120)
def test_atheris_finds_nothing_at_first_sight(tmp_path: Path) -> None:
    fuzz(FEW, tmp_path)


@absent
@pytest.mark.full
@pytest.mark.timeout(1800)
def test_atheris_finds_nothing_in_a_hundred_thousand_runs(tmp_path: Path) -> None:
    fuzz(MANY, tmp_path)
