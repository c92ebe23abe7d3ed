"""Each gate is shown a seeded violation, and must go red."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
PILOT = "services/pilot/src/meltemi/pilot"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources in a place where they may be spoilt."""
    target = tmp_path_factory.mktemp("house")
    skipped = shutil.ignore_patterns(
        ".git", ".venv", "typings", "*_cache", "__pycache__", ".hypothesis"
    )
    shutil.copytree(ROOT, target / "house", ignore=skipped)
    return target / "house"


def gate(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def taste(path: Path) -> str:
    words = [str(BIN / "python"), str(ROOT / "tools/taste.py"), str(path)]
    result = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=30
    )
    assert (result.returncode == 0) == (" 0 over budget" in result.stdout)
    return result.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("long.py", "x = 1\n" * 401, "401 lines, budget 400"),
        ("utils.py", "x = 1\n", "says nothing"),
        ("a.py", "# TODO: later\n", "unfinished work"),
        ("a.py", "def f(a, b, c, d, e, g):\n    return a\n", "takes 6 parameters"),
        ("a.py", "def f():\n" + "    x = 1\n" * 40, "has 41 lines"),
        ("src/meltemi/kernel/a.py", "from typing import Any\n", "escape"),
        ("src/meltemi/xds/a.py", "x = y  # type: ignore\n", "pure package"),
    ],
)
def test_what_is_over_the_budget_is_named(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    found = taste(tmp_path)
    assert said.replace("escape", "Any, cast") in found


def test_a_check_that_read_nothing_is_not_green(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "tools/taste.py"), str(tmp_path)]
    assert subprocess.run(words, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        (
            "shared/src/meltemi/kernel/spoilt.py",
            "import time\n\ntime.time()\n",
            "TID251",
        ),
        ("shared/src/meltemi/kernel/spoilt.py", "x=1\n", "D100"),
        *(
            ("cli/src/meltemi/ctl/spoilt.py", line, rule)
            for line, rule in (
                ("import pickle\n\npickle.loads(b'')\n", "S301"),
                ("import yaml\n\nyaml.load('')\n", "S506"),
                ("import subprocess\n\nsubprocess.run('a', shell=True)\n", "S602"),
                ("import httpx\n\nhttpx.get('a', verify=False)\n", "S501"),
            )
        ),
    ],
)
def test_t25_ruff_goes_red(copy: Path, file: str, line: str, rule: str) -> None:
    spoilt = copy / file
    spoilt.write_text(line)
    try:
        result = gate(copy, "ruff", "check", "--no-cache", file)
        assert result.returncode == 1
        assert rule in result.stdout
    finally:
        spoilt.unlink()


def test_t25_every_package_is_pinned_to_its_bytes() -> None:
    text = (ROOT / "requirements.txt").read_text().replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and line[0] not in "#-"]
    assert packages
    assert [each for each in packages if "==" not in each or "--hash" not in each] == []
    assert "--require-hashes" in (ROOT / "Makefile").read_text()


def test_the_formatter_goes_red(copy: Path) -> None:
    spoilt = copy / "shared/src/meltemi/kernel/spoilt.py"
    spoilt.write_text("x=1\n")
    try:
        result = gate(copy, "ruff", "format", "--no-cache", "--check", str(spoilt))
        assert result.returncode == 1
    finally:
        spoilt.unlink()


@pytest.mark.parametrize(
    ("package", "line", "contract"),
    [
        (f"{PILOT}/translate", "import asyncio", "the core does no I/O"),
        (PILOT, "import meltemi.galley", "services never import each other"),
        ("shared/src/meltemi/kernel", "import meltemi.config", "ctl > services"),
        (f"{PILOT}/emit", "import meltemi.config.decode", "never meet in one module"),
        (f"{PILOT}/translate", "import envoy", "stays in emit and adapters"),
        (PILOT, "import meltemi.testkit", "never imports the testkit"),
    ],
)
def test_an_import_contract_is_broken_by_what_it_forbids(
    copy: Path, package: str, line: str, contract: str
) -> None:
    spoilt = copy / package / "spoilt.py"
    spoilt.write_text(f'"""Spoilt."""\n\n{line}\n')
    try:
        result = lint_imports(copy)
        broken = [each for each in result.splitlines() if "BROKEN" in each]
        assert any(contract in each for each in broken), result
    finally:
        spoilt.unlink()


def lint_imports(copy: Path) -> str:
    """Check the copy's contracts on the copy's sources, not the installed ones."""
    members = ["shared", "cli", "proxy", "tests/testkit"]
    members += [f"services/{name}" for name in ("galley", "pilot", "citadel")]
    paths = ":".join(str(copy / member / "src") for member in members)
    result = subprocess.run(
        [
            str(BIN / "lint-imports"),
            "--no-cache",
            "--config",
            str(copy / "pyproject.toml"),
        ],
        cwd=copy,
        env={"PYTHONPATH": paths, "PATH": str(BIN)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return result.stdout + result.stderr


def test_an_init_file_in_the_namespace_is_found(copy: Path) -> None:
    spoilt = copy / "shared/src/meltemi/__init__.py"
    spoilt.write_text("")
    try:
        result = subprocess.run(
            [sys.executable, str(ROOT / "tools/namespace.py")],
            env={"PYTHONPATH": str(copy / "shared/src")},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert result.returncode != 0
        assert "must have no __init__.py" in result.stderr
    finally:
        spoilt.unlink()


def test_mypy_goes_red(copy: Path) -> None:
    spoilt = copy / "shared/src/meltemi/kernel/spoilt.py"
    spoilt.write_text('"""Spoilt."""\n\nx: int = "no"\n')
    try:
        result = gate(copy, "mypy", "--config-file", "", "--strict", str(spoilt))
        assert result.returncode == 1
        assert "Incompatible types" in result.stdout
    finally:
        spoilt.unlink()
