"""One case of a suite, and what became of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


class Status(StrEnum):
    """What became of a case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class SkippedError(Exception):
    """A case is not run, for one of the reasons the data's README allows."""


class UnusableDataError(Exception):
    """What was given is not the conformance data."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question with a known answer.

    Attributes:
        name: Unique in its suite, see `numbered`.
        judge: Returns what differs from the answer; nothing when it agrees.

    """

    name: str
    judge: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case, and why."""

    case: str
    status: Status
    reason: str


def numbered(cases: Iterable[Case]) -> Iterator[Case]:
    """Yield the cases; the second of a name is called ``name#2``, and so on."""
    seen: Counter[str] = Counter()
    for case in cases:
        seen[case.name] += 1
        count = seen[case.name]
        yield case if count == 1 else Case(f"{case.name}#{count}", case.judge)


def tables(folder: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield each table of ``folder``: its name, and its rows.

    Raises:
        UnusableDataError: If a file is not a list of objects.

    """
    for path in sorted(folder.glob("*.json")):
        rows = json.loads(path.read_text("utf-8"))
        if not isinstance(rows, list):
            raise UnusableDataError(f"{path} is not a list of cases")
        yield path.stem, [row for row in rows if isinstance(row, dict)]


def differs(found: object, wanted: object) -> str:
    """Return nothing when the two are equal, else both."""
    return "" if found == wanted else f"expected {wanted!r}, found {found!r}"
