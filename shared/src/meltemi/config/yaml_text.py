"""YAML to trees with positions, within limits that no input can pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from meltemi.config.extent import DEPTH, ITEMS, NODES, excess_of
from meltemi.config.finding import Finding, Source
from meltemi.config.node import ListNode, MapNode, Scalar, plain_scalar

if TYPE_CHECKING:
    from yaml.events import Event

    from meltemi.config.node import Node
    from meltemi.config.report import Report

WORTH_A_GLANCE: Final = 1_000
"""Values read before the rest is looked over: most texts have fewer."""
NOWHERE: Final = Source("", 0, 0, 0)
QUOTED_ADDRESSES: Final = 8
"""Lines with an unquoted ``::`` that one text is forgiven."""
SHORT: Final = 64 * 1024
"""Characters of a text that may be read that often."""
ADDRESS: Final = re.compile(r"(?<=[\[,\s])([0-9a-fA-F:]*::[0-9a-fA-F:.]*)(?=[\s,\]])")
UNREADABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
"""What may not stand unescaped (YAML 1.1 §5.1)."""
NO_DOCUMENT: Final = "expected <document start>"
"""libyaml's words where a document seems to end, and no other one begins."""
TAG: Final = "tag:yaml.org,2002:"
SPLIT_HINT: Final = "split it over several objects"
ANCHOR_HINT: Final = "write the value out in each place"
UNQUOTED_WORD_HINT: Final = "YAML 1.1 reads this word as a value: put it in quotes"


class _Builder:
    """Builds one document after another from the reader's events."""

    def __init__(self, text: str, report: Report) -> None:
        self._text, self._report = text, report
        self._roots: list[tuple[int, Node]] = []
        self._whole = 0
        """Documents that were read to their end."""
        self._open: list[ListNode | MapNode] = []
        self._key: Scalar | None = None
        """The key of the innermost map that waits for its value."""
        self._nodes = 0

    def documents(self, *, torn: bool) -> list[tuple[int, Node]]:
        """Return what was read to its end; ``torn``: the last end was none."""
        return self._roots[: self._whole - torn]

    def take(self, event: Event) -> bool:
        """Add ``event``; return False when a limit or an alias ends the reading."""
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, CollectionEndEvent):
            self._open.pop()
            return True
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            return self._collection(event)
        if isinstance(event, AliasEvent):
            return self._refuse("ALIAS", "an alias is not allowed", event, ANCHOR_HINT)
        if isinstance(event, DocumentStartEvent):
            self._report.document = len(self._roots) + 1
        elif isinstance(event, DocumentEndEvent):
            self._whole += 1
        return True

    def _scalar(self, event: ScalarEvent) -> bool:
        text = event.value
        plain = event.implicit[0] and event.tag is None
        value = plain_scalar(text) if plain else text
        line, column = _position(event)
        return self._admits(event, "str") and self._place(
            Scalar(text, value, line, column)
        )

    def _collection(self, event: MappingStartEvent | SequenceStartEvent) -> bool:
        is_map = isinstance(event, MappingStartEvent)
        line, column = _position(event)
        node = MapNode(line, column) if is_map else ListNode(line, column)
        if not self._admits(event, "map" if is_map else "seq"):
            return False
        if len(self._open) >= DEPTH:
            message = f"nested deeper than {DEPTH} levels"
            return self._refuse("TOO_DEEP", message, event)
        placed = self._place(node)
        self._open.append(node)
        return placed

    def _admits(self, event: ScalarEvent | CollectionStartEvent, tag: str) -> bool:
        self._nodes += 1
        if event.anchor is not None:
            message = "an anchor is not allowed"
            return self._refuse("ALIAS", message, event, ANCHOR_HINT)
        if event.tag is not None and event.tag not in ("!", TAG + tag):
            message = f"the tag {event.tag!r} is not allowed"
            hint = "remove the tag; put strings in quotes"
            self._refuse("TAG", message, event, hint)
            return not self._report.full
        if self._nodes > NODES:
            message = f"more than {NODES:,} values"
            return self._refuse("TOO_LARGE", message, event, "split the file")
        return self._nodes != WORTH_A_GLANCE or self._glance()

    def _glance(self) -> bool:
        """Look the whole text over; return whether the rest is worth reading."""
        excess = excess_of(self._text)
        if excess is None:
            return True
        finding = Finding("TOO_LARGE", excess.message, "", NOWHERE, excess.hint)
        self._report.document = excess.document
        self._report.add_at(excess.line, excess.column, finding)
        return False

    def _place(self, node: Node) -> bool:
        """Put ``node`` where it belongs; a map's nodes are keys and values in turn."""
        above = self._open[-1] if self._open else None
        if isinstance(above, ListNode):
            above.items.append(node)
            return len(above.items) <= ITEMS or self._too_many("list", "items", node)
        if above is None:
            self._roots.append((self._report.document, node))
            return True
        key, self._key = self._key, None
        if key is None:
            return self._take_key(node)
        if key.text in above.keys:
            message = f"the key {key.text!r} stands twice in one map"
            hint = f"the first one is on line {above.keys[key.text].line}: keep one"
            self._report.add("DUPLICATE_KEY", message, node=key, hint=hint)
            return not self._report.full
        above.keys[key.text] = key
        above.values[key.text] = node
        return len(above.keys) <= ITEMS or self._too_many("map", "keys", key)

    def _take_key(self, node: Node) -> bool:
        if not isinstance(node, Scalar):
            self._report.add("WRONG_TYPE", "a map's key must be a string", node=node)
            return False
        if node.value is None or isinstance(node.value, bool | float):
            message = f"the key {node.text!r} is not a string"
            hint = UNQUOTED_WORD_HINT
            self._report.add("WRONG_TYPE", message, node=node, hint=hint)
        self._key = node
        return not self._report.full

    def _too_many(self, what: str, parts: str, node: Node) -> bool:
        message = f"a {what} of more than {ITEMS:,} {parts}"
        self._report.add("TOO_LARGE", message, node=node, hint=SPLIT_HINT)
        return False

    def _refuse(
        self, code: str, message: str, event: NodeEvent, hint: str = ""
    ) -> bool:
        place = Scalar("", None, *_position(event))
        self._report.add(code, message, node=place, hint=hint)
        return False


def compose(text: str, report: Report) -> list[tuple[int, Node]]:
    """Return the root of each document in ``text``, with the document's number.

    What the text's form forbids goes to ``report``: malformed YAML, aliases and
    anchors, keys that stand twice, foreign tags, too many values, items or levels.
    Reading ends at the first one that makes the rest meaningless, and the document
    that is broken off there is left out: what it lacks is not the user's mistake.
    """
    torn = False
    for _ in range(QUOTED_ADDRESSES):
        report.findings.clear()  # each round reads the whole text
        builder = _Builder(text, report)
        try:
            _read(CParser(text), builder)
        except yaml.MarkedYAMLError as error:
            _note(error, report)
            quoted = _with_quoted_address(text, error)
            if quoted != text:
                text = quoted
                continue
            torn = NO_DOCUMENT in (error.problem or "")
        except yaml.YAMLError:  # the reader's: it has no mark
            _note_unreadable(text, report)
        break
    return builder.documents(torn=torn)


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
    while event is not None and builder.take(event):
        event = parser.get_event()


def _position(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (0, 0) if mark is None else (mark.line + 1, mark.column + 1)


UNCLOSED: Final = ("while parsing a flow sequence", "while parsing a flow mapping")


def _note(error: yaml.MarkedYAMLError, report: Report) -> None:
    """Tell where: of brackets that nobody closed, where they open."""
    opened = error.context in UNCLOSED
    mark = error.context_mark if opened else error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    context = f"{error.context}: " if error.context else ""
    message = f"malformed YAML: {context}{error.problem}"
    finding = Finding("MALFORMED_YAML", message, "", NOWHERE, _advice(error))
    report.add_at(line, column, finding)


def _advice(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "cannot start any token" in problem:
        return "indent with spaces, and quote values that begin with @, ` or %"
    if "mapping values are not allowed" in problem:
        return "quote values that contain ': ', or check the indentation"
    return "check the indentation and the quotes around this line"


def _note_unreadable(text: str, report: Report) -> None:
    found = UNREADABLE.search(text)
    bad = found.start() if found else 0
    before = text[:bad]
    line = before.count("\n") + 1
    column = bad - (before.rfind("\n") + 1) + 1
    message = f"malformed YAML: character {text[bad : bad + 1]!r} is not allowed"
    hint = "remove it, or write it as an escape in double quotes"
    finding = Finding("MALFORMED_YAML", message, "", NOWHERE, hint)
    report.add_at(line, column, finding)
