"""Something to tell the user about their object: what, where, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence


STEP = re.compile(r'\["([^"]*)"\]|\[(\d+)\]|([^.\[]+)')
"""One step of a field path: a quoted map key, a list index, or a field."""


class Severity(StrEnum):
    """Whether the object can be stored in spite of the finding."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the user's text: 1-based; zeros when the text had no lines."""

    file: str
    document: int
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem.

    ``path`` is a field path: ``spec.http[0].route[0].weight``, with map keys in quotes:
    ``metadata.labels["app"]``.
    """

    code: str
    message: str
    path: str
    source: Source
    hint: str = ""
    severity: Severity = Severity.ERROR

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer (RFC 6901)."""
        return "".join(f"/{_escaped(step)}" for step in steps(self.path))

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        hint = f" — {self.hint}" if self.hint else ""
        return f"{self.source}: {self.code} {self.message}{where}{hint}"


def steps(path: str) -> tuple[str, ...]:
    """Return the fields, map keys and list indexes that ``path`` goes through."""
    return tuple(
        next(part for part in match.groups() if part is not None)
        for match in STEP.finditer(path)
    )


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


class InvalidConfigError(MeshError):
    """The text holds at least one error. All of them are in ``findings``."""

    code = "config.invalid"
    blame = Blame.CALLER

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)
