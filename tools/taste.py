"""Hold the code to its size and taste budget (docs/architecture.md, "Budgets").

Usage: ``python tools/taste.py PATH…``. Prints what is over budget, and how many
files it read, so that "nothing found" cannot mean "nothing looked at".
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE_LINES = 400
MAIN_LINES = 60
FUNCTION_LINES = 40
PARAMETERS = 5
SAYS_NOTHING = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "manager",
    "base",
    "misc",
}
PURE = (
    "kernel",
    "config",
    "events",
    "xds",
    "pilot/model",
    "pilot/scope",
    "pilot/ir",
    "pilot/translate",
)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
ESCAPES = {"Any", "cast"}


def over_budget(path: Path) -> Iterator[str]:
    """Yield a line for everything in ``path`` that exceeds the budget."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    budget = MAIN_LINES if path.name == "__main__.py" else MODULE_LINES
    if len(lines) > budget:
        yield f"{path}: {len(lines)} lines, budget {budget}: split it by noun"
    if SAYS_NOTHING & {path.stem, path.parent.name}:
        yield f"{path}: the name says nothing"
    yield from over_lines(path, text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from over_function(path, node)


def over_lines(path: Path, text: str) -> Iterator[str]:
    """Yield a line for each unfinished comment and each escape from the types."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        where = f"{path}:{token.start[0]}"
        comment = token.type == tokenize.COMMENT
        if comment and UNFINISHED.search(token.string):
            yield f"{where}: unfinished work without an issue number"
        if not is_pure(path):
            continue
        ignored = comment and "type: ignore" in token.string
        if ignored or (token.type == tokenize.NAME and token.string in ESCAPES):
            yield f"{where}: Any, cast or type: ignore in a pure package"


def over_function(
    path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[str]:
    """Yield a line for each budget ``function`` exceeds. Docstrings are free."""
    size = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        size -= (first.end_lineno or 0) - first.lineno + 1
    where = f"{path}:{function.lineno}: {function.name}"
    if size > FUNCTION_LINES:
        yield f"{where} has {size} lines, budget {FUNCTION_LINES}"
    arguments = [*function.args.posonlyargs, *function.args.args]
    named = [each for each in arguments if each.arg not in ("self", "cls")]
    count = len(named) + len(function.args.kwonlyargs)
    if count > PARAMETERS and not (is_route(function) or is_test(path)):
        yield f"{where} takes {count} parameters, budget {PARAMETERS}"


def is_route(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a framework reads the signature: then it is a form, not a call."""
    return any(isinstance(each, ast.Call) for each in function.decorator_list)


def is_test(path: Path) -> bool:
    """Tell whether ``path`` holds tests, whose fixtures arrive as parameters."""
    return "tests" in path.parts


def is_pure(path: Path) -> bool:
    """Tell whether ``path`` lies in a package that may not escape its types."""
    return any(f"src/meltemi/{name}" in path.as_posix() for name in PURE)


if __name__ == "__main__":
    files = [file for root in sys.argv[1:] for file in sorted(Path(root).rglob("*.py"))]
    found = [line for file in files for line in over_budget(file)]
    print("\n".join([*found, f"{len(files)} files read, {len(found)} over budget"]))
    sys.exit(1 if found or not files else 0)
