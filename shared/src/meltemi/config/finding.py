"""Something to tell the user about their object: what, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.kernel.errors import Blame, MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    """One problem. ``path`` is a field path: ``spec.http[0].route[0].weight``."""

    code: str
    message: str
    path: str
    source: Source
    hint: str = ""
    severity: Severity = Severity.ERROR

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer (RFC 6901)."""
        parts = self.path.replace("[", ".").replace("]", "").split(".")
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in parts)
        return "".join(f"/{part}" for part in escaped if part)

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        hint = f" — {self.hint}" if self.hint else ""
        return f"{self.source}: {self.code} {self.message}{where}{hint}"


class InvalidConfigError(MeshError):
    """The text holds at least one error. All of them are in ``findings``."""

    code = "config.invalid"
    blame = Blame.CALLER

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)
