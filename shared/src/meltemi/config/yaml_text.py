"""YAML to trees with positions, within limits that no input can pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from meltemi.config.finding import Finding, Source
from meltemi.config.node import ListNode, MapNode, Scalar, plain_scalar

if TYPE_CHECKING:
    from yaml.events import Event

    from meltemi.config.node import Node
    from meltemi.config.report import Report

DEPTH: Final = 50
NODES: Final = 100_000
QUOTED_ADDRESSES: Final = 8
"""Lines with an unquoted ``::`` that one text is forgiven."""
SHORT: Final = 64 * 1024
"""Characters of a text that may be read that often."""
ADDRESS: Final = re.compile(r"(?<=[\[,\s])([0-9a-fA-F:]*::[0-9a-fA-F:.]*)(?=[\s,\]])")
TAG: Final = "tag:yaml.org,2002:"
ANCHOR_HINT: Final = "write the value out in each place"
UNQUOTED_WORD_HINT: Final = "YAML 1.1 reads this word as a value: put it in quotes"


@dataclass(slots=True)
class _Builder:
    """Builds one document after another from the reader's events."""

    report: Report
    roots: list[tuple[int, Node]] = field(default_factory=list)
    open: list[ListNode | MapNode] = field(default_factory=list)
    pending: list[Scalar | None] = field(default_factory=list)
    """For each open node the key that waits for its value."""
    nodes: int = 0

    def take(self, event: Event) -> bool:
        """Add ``event``; return False when a limit or an alias ends the reading."""
        if isinstance(event, ScalarEvent):
            return self._admits(event) and self._place(_scalar(event, self.report))
        if isinstance(event, CollectionEndEvent):
            self.open.pop()
            self.pending.pop()
            return True
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            return self._admits(event) and self._open(_collection(event, self.report))
        if isinstance(event, AliasEvent):
            return self._refuse(event, "ALIAS", "an alias is not allowed", ANCHOR_HINT)
        if isinstance(event, DocumentStartEvent):
            self.report.document = len(self.roots) + 1
        return True

    def _admits(self, event: NodeEvent) -> bool:
        self.nodes += 1
        if event.anchor is not None:
            return self._refuse(event, "ALIAS", "an anchor is not allowed", ANCHOR_HINT)
        if self.nodes > NODES:
            message = f"more than {NODES:,} values"
            return self._refuse(event, "TOO_LARGE", message, "split the file")
        return True

    def _open(self, node: ListNode | MapNode) -> bool:
        if len(self.open) >= DEPTH:
            message = f"nested deeper than {DEPTH} levels"
            self.report.add("TOO_DEEP", message, node=node)
            return False
        placed = self._place(node)
        self.open.append(node)
        self.pending.append(None)
        return placed

    def _place(self, node: Node) -> bool:
        if not self.open:
            self.roots.append((self.report.document, node))
            return True
        above = self.open[-1]
        if isinstance(above, ListNode):
            above.items.append(node)
            return True
        key = self.pending[-1]
        if key is None:
            return self._key(node)
        self._value(above, key, node)
        return True

    def _key(self, node: Node) -> bool:
        if not isinstance(node, Scalar):
            self.report.add("WRONG_TYPE", "a map's key must be a string", node=node)
            return False
        if node.value is None or isinstance(node.value, bool | float):
            message = f"the key {node.text!r} is not a string"
            hint = UNQUOTED_WORD_HINT
            self.report.add("WRONG_TYPE", message, node=node, hint=hint)
        self.pending[-1] = node
        return True

    def _value(self, above: MapNode, key: Scalar, node: Node) -> None:
        self.pending[-1] = None
        if key.text in above.keys:
            message = f"the key {key.text!r} stands twice in one map"
            hint = f"the first one is on line {above.keys[key.text].line}: keep one"
            self.report.add("DUPLICATE_KEY", message, node=key, hint=hint)
            return
        above.keys[key.text] = key
        above.values[key.text] = node

    def _refuse(self, event: NodeEvent, code: str, message: str, hint: str) -> bool:
        place = Scalar("", None, *_position(event))
        self.report.add(code, message, node=place, hint=hint)
        return False


def compose(text: str, report: Report) -> list[tuple[int, Node]]:
    """Return the root of each document in ``text``, with the document's number.

    What the text's form forbids goes to ``report``: malformed YAML, aliases and
    anchors, keys that stand twice, foreign tags, more than `NODES` values or `DEPTH`
    levels. Reading ends at the first one that makes the rest meaningless.
    """
    for _ in range(QUOTED_ADDRESSES):
        report.findings.clear()  # each round reads the whole text
        builder = _Builder(report)
        try:
            _read(CParser(text), builder)
        except yaml.MarkedYAMLError as error:
            _note(error, report)
            quoted = _with_quoted_address(text, error)
            if quoted != text:
                text = quoted
                continue
        except yaml.YAMLError:  # the reader's: it has no mark
            _note_unreadable(text, report)
        break
    return builder.roots


def _with_quoted_address(text: str, error: yaml.MarkedYAMLError) -> str:
    """Quote an IPv6 address that stands in ``[…]``: libyaml stops at its colons.

    Istio's reader takes ``[001:db8::]`` for what people mean by it.
    """
    mark = error.problem_mark
    lines = text.split("\n")
    if mark is None or mark.line >= len(lines) or len(text) > SHORT:
        return text
    lines[mark.line] = ADDRESS.sub(r'"\1"', lines[mark.line])
    return "\n".join(lines)


def _read(parser: CParser, builder: _Builder) -> None:
    event = parser.get_event()
    while event is not None and builder.take(event) and not builder.report.full:
        event = parser.get_event()


def _scalar(event: ScalarEvent, report: Report) -> Scalar:
    text = event.value
    tagged = event.tag is not None
    value = plain_scalar(text) if event.implicit[0] and not tagged else text
    node = Scalar(text, value, *_position(event))
    if event.tag is not None:
        _forbid_tag(event.tag, "str", node, report)
    return node


def _collection(
    event: MappingStartEvent | SequenceStartEvent, report: Report
) -> ListNode | MapNode:
    line, column = _position(event)
    is_map = isinstance(event, MappingStartEvent)
    if event.tag is not None:
        place = Scalar("", None, line, column)
        _forbid_tag(event.tag, "map" if is_map else "seq", place, report)
    return MapNode(line, column) if is_map else ListNode(line, column)


def _forbid_tag(tag: str, expected: str, node: Node, report: Report) -> None:
    if tag not in ("!", TAG + expected):
        hint = "remove the tag; put strings in quotes"
        report.add("TAG", f"the tag {tag!r} is not allowed", node=node, hint=hint)


def _position(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (0, 0) if mark is None else (mark.line + 1, mark.column + 1)


def _note(error: yaml.MarkedYAMLError, report: Report) -> None:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    context = f"{error.context}: " if error.context else ""
    message = f"malformed YAML: {context}{error.problem}"
    finding = Finding(
        "MALFORMED_YAML", message, "", Source("", 0, 0, 0), _advice(error)
    )
    report.add_at(line, column, finding)


def _advice(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "cannot start any token" in problem:
        return "indent with spaces, and quote values that begin with @, ` or %"
    if "mapping values are not allowed" in problem:
        return "quote values that contain ': ', or check the indentation"
    return "check the indentation and the quotes around this line"


def _note_unreadable(text: str, report: Report) -> None:
    bad = next((i for i, each in enumerate(text) if not _readable(each)), 0)
    before = text[:bad]
    line = before.count("\n") + 1
    column = bad - (before.rfind("\n") + 1) + 1
    message = f"malformed YAML: character {text[bad : bad + 1]!r} is not allowed"
    hint = "remove it, or write it as an escape in double quotes"
    finding = Finding("MALFORMED_YAML", message, "", Source("", 0, 0, 0), hint)
    report.add_at(line, column, finding)


def _readable(character: str) -> bool:
    """Tell whether YAML 1.1 §5.1 lets ``character`` stand unescaped."""
    return (
        character in "\t\n\r\x85\ufeff"
        or "\x20" <= character <= "\x7e"
        or "\xa0" <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
    )
