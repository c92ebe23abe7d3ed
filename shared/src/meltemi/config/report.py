"""The problems of one text, gathered as they are met."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.finding import (
    Finding,
    InvalidConfigError,
    Severity,
    Source,
    steps,
)
from meltemi.config.node import nearest_node

if TYPE_CHECKING:
    from meltemi.config.node import Node

MOST: Final = 100
"""Findings kept of one text: a person reads no more, and an attacker gets no more."""
LONGEST: Final = 400
"""Characters kept of a message, a path or a hint: they quote the user's text."""


@dataclass(slots=True)
class Report:
    """Findings about ``file``; ``document`` counts the documents in it from 1."""

    file: str
    document: int = 1
    findings: list[Finding] = field(default_factory=list[Finding])
    """Errors: with one of them the text is refused."""
    warnings: list[Finding] = field(default_factory=list[Finding])
    """Everything else there is to say; kept apart, so that it crowds no error out."""

    @property
    def full(self) -> bool:
        """Whether looking further is in vain: nothing more would be kept."""
        return len(self.findings) >= MOST

    def add(
        self, code: str, message: str, *, node: Node, path: str = "", hint: str = ""
    ) -> None:
        """Note a problem that stands at ``node``."""
        self.add_at(
            node.line, node.column, Finding(code, message, path, _NOWHERE, hint)
        )

    def add_at(self, line: int, column: int, finding: Finding) -> None:
        """Note ``finding`` at a place in the text."""
        kept = self.findings if finding.severity is Severity.ERROR else self.warnings
        if len(kept) >= MOST:
            return
        kept.append(
            replace(
                finding,
                source=Source(self.file, self.document, line, column),
                message=_cut(finding.message),
                path=_cut(finding.path),
                hint=_cut(finding.hint),
            )
        )

    def add_within(self, root: Node, finding: Finding) -> None:
        """Note ``finding`` where its path leads to in the document at ``root``."""
        node = nearest_node(root, steps(finding.path))
        self.add_at(node.line, node.column, finding)

    def raise_errors(self) -> None:
        """Raise `InvalidConfigError` with every error noted, if any was."""
        if self.findings:
            raise InvalidConfigError(self.findings)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


_NOWHERE: Final = Source("", 0, 0, 0)
