"""The problems of one text, gathered as they are met."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.finding import Finding, InvalidConfigError, Source, steps
from meltemi.config.node import nearest_node

if TYPE_CHECKING:
    from meltemi.config.node import Node

MOST: Final = 100
"""Findings kept of one text: a person reads no more, and an attacker gets no more."""


@dataclass(slots=True)
class Report:
    """Findings about ``file``; ``document`` counts the documents in it from 1."""

    file: str
    document: int = 1
    findings: list[Finding] = field(default_factory=list[Finding])

    def add(
        self, code: str, message: str, *, node: Node, path: str = "", hint: str = ""
    ) -> None:
        """Note a problem that stands at ``node``."""
        self.add_at(
            node.line, node.column, Finding(code, message, path, _NOWHERE, hint)
        )

    def add_at(self, line: int, column: int, finding: Finding) -> None:
        """Note ``finding`` at a place in the text."""
        if len(self.findings) < MOST:
            source = Source(self.file, self.document, line, column)
            self.findings.append(replace(finding, source=source))

    def add_within(self, root: Node, finding: Finding) -> None:
        """Note ``finding`` where its path leads to in the document at ``root``."""
        node = nearest_node(root, steps(finding.path))
        self.add_at(node.line, node.column, finding)

    def raise_errors(self) -> None:
        """Raise `InvalidConfigError` with everything noted, if anything was."""
        if self.findings:
            raise InvalidConfigError(self.findings)


_NOWHERE: Final = Source("", 0, 0, 0)
