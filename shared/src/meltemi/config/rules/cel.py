"""Whether a text is an expression of CEL: its form, not what its names mean.

Source:
    The grammar of https://github.com/google/cel-spec, doc/langdef.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding

LONGEST: Final = 8192
DEEPEST: Final = 60
TOKEN: Final = re.compile(
    r"""(?>\s+|//[^\n]*)*+(?:
      (?P<string>(?:[rRbB]{0,2})(?:\"{3}.*?\"{3}|'{3}.*?'{3}
        |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    | (?P<number>0x[0-9a-fA-F]+u?
        |(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?u?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\|\||&&|[<>=!]=|[-<>+*/%!.?:,()\[\]{}])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
BINARY: Final = frozenset(
    ("||", "&&", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%")
)
CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


class NotAnExpressionError(ValueError):
    """The text breaks off, or goes on where it cannot."""


def check_expression(path: str, text: str) -> Iterator[Finding]:
    """Yield a finding unless ``text`` has the form of a CEL expression."""
    try:
        _Parser(_tokens(text)).whole()
    except NotAnExpressionError as error:
        yield problem(path, f"is not a CEL expression: {error}", "see cel.dev")


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > LONGEST:
        raise NotAnExpressionError(f"it has more than {LONGEST} characters")
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise NotAnExpressionError(f"{text[at : at + 20].strip()!r} has no meaning")
        if match.lastgroup != "end":
            found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


@dataclass(slots=True)
class _Parser:
    """Reads tokens from left to right; precedence does not change what is legal."""

    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = 0

    def whole(self) -> None:
        self._expression()
        if self.at < len(self.tokens):
            raise NotAnExpressionError(f"nothing can follow before {self._next!r}")

    @property
    def _next(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _takes(self, *signs: str) -> str:
        """Step over the next token if it is one of ``signs``."""
        found = self._next
        quoted = self.at < len(self.tokens) and self.tokens[self.at][0] == "string"
        if quoted or not found or found not in signs:
            return ""
        self.at += 1
        return found

    def _wants(self, sign: str) -> None:
        if not self._takes(sign):
            raise NotAnExpressionError(
                f"expected {sign!r}, found {self._next or 'end'!r}"
            )

    def _expression(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotAnExpressionError("it is nested too deep")
        self._operand()
        while self._takes(*BINARY):
            self._operand()
        if self._takes("?"):
            self._expression()
            self._wants(":")
            self._expression()
        self.depth -= 1

    def _operand(self) -> None:
        while self._takes("!", "-"):
            pass
        opened = self._takes("(", "[", "{")
        if opened:
            self._items(opened)
        else:
            self._takes(".")
            self._word()
        while after := self._takes(".", "(", "[", "{"):
            if after == ".":
                self._word()
            else:
                self._items(after)

    def _word(self) -> None:
        kind, text = (
            self.tokens[self.at] if self.at < len(self.tokens) else ("end", "end")
        )
        if kind in ("sign", "end") or text == "in":
            raise NotAnExpressionError(f"expected a value, found {text!r}")
        self.at += 1

    def _items(self, opened: str) -> None:
        """Read what stands between brackets: values, or keys with values."""
        closing = CLOSING[opened]
        while not self._takes(closing):
            self._expression()
            if opened == "{":
                self._wants(":")
                self._expression()
            if not self._takes(","):
                self._wants(closing)
                return
