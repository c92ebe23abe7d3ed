"""The page of cases and threats names every one of them, and tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from meltemi.ctl.local.accounts import ACCOUNTS
from meltemi.pilot.adapters import allowance

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/adversarial.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (T?\d+) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/.]+\.py)::(test_\w+)`")
OF_CASE = re.compile(r"test_(?:\d+_and_)?cases?_\d+")
OF_THREAT = re.compile(r"test_(?:\w+_and_)?t\d+_")


@cache
def names(file: str) -> frozenset[str]:
    """Return the tests of a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, kinds))


def test_every_case_and_every_threat_stands_once() -> None:
    found = [row[0] for row in ROW.findall(PAGE)]
    cases = [str(number) for number in range(1, 61)]
    assert found == [*cases, *(f"T{number}" for number in range(1, 27))]


def test_each_has_a_test_that_there_is() -> None:
    for number, _, tests, note in ROW.findall(PAGE):
        found = TEST.findall(tests)
        assert found, number
        missing = [name for file, name in found if name not in names(file)]
        assert missing == [], number
        mark = re.compile(rf"(?<!\d){number.lower().removeprefix('t')}(?!\d)")
        numbered = any(mark.search(name) for _, name in found)
        assert numbered or "to_48" in tests or note, number


def test_a_test_that_is_named_after_one_is_listed() -> None:
    listed = set(TEST.findall(PAGE))
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        for name in names(file):
            if OF_CASE.match(name) or OF_THREAT.match(name):
                assert (file, name) in listed


def test_the_accounts_are_those_that_are_made() -> None:
    for name, account in ACCOUNTS.items():
        sides = (account.reads, account.writes, account.hears, account.rings)
        cells = ("<br>".join(f"`{each}`" for each in side) for side in sides)
        assert f"| {name} | {' | '.join(cells)} |" in PAGE


def test_the_limits_are_those_that_hold() -> None:
    for told in (
        f"{allowance.MESSAGE_BYTES >> 20} MiB",
        f"{allowance.NODE_ID_BYTES >> 10} KiB |",
        f"{allowance.METADATA_BYTES >> 10} KiB, {allowance.METADATA_DEPTH} levels",
        f"{allowance.STRANGE_NAMES:,} more than",
        f"with one certificate | {allowance.STREAMS} |",
        f"{allowance.MESSAGES_PER_SECOND:.0f} a second",
        f"{allowance.MESSAGES_AT_ONCE:,.0f} at once",
        (
            f"{allowance.REFUSALS_PER_SECOND:.0f} a second, "
            f"{allowance.REFUSALS_AT_ONCE:.0f} at once"
        ),
        f"{allowance.FIRST_WORD_SECONDS:.0f} s |",
    ):
        assert told in PAGE, told
