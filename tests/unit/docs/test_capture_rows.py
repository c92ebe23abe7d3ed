"""The table of docs/capture.md has a row for each test of captured traffic."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
MATRIX = "tests/system/test_captured_envoys.py"


def test_every_test_of_the_matrix_is_a_row() -> None:
    page = (ROOT / "docs" / "capture.md").read_text(encoding="utf-8")
    body = ast.parse((ROOT / MATRIX).read_text(encoding="utf-8")).body
    functions = {each.name for each in body if isinstance(each, ast.FunctionDef)}
    there = {name for name in functions if name.startswith("test_")}
    assert there == set(re.findall(rf"`{re.escape(MATRIX)}::(\w+)`", page))
