"""A compose file as a tree whose nodes know their lines: anchors and merges too.

Compose files have what objects of the mesh may not (`meltemi.config.yaml_text`):
anchors, aliases and merge keys. They are kept as they stand, not resolved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from meltemi.config.extent import DEPTH, NODES
from meltemi.config.finding import Finding, InvalidConfigError, Source

if TYPE_CHECKING:
    from yaml.events import Event

TEXT_LIMIT: Final = 1024 * 1024
"""Characters of one file."""
ODD_BREAKS: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""What YAML takes for the end of a line, and few editors do."""
OWN_TAGS: Final = re.compile(r"!|tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)")
ALIAS_HINT: Final = "an anchor must stand before it is used"


@dataclass(slots=True)
class Scalar:
    """A word or a quoted string. Lines and columns count from 0 here."""

    text: str
    plain: bool
    first: int
    last: int
    column: int
    tag: str = ""


@dataclass(slots=True)
class Sequence:
    """A list."""

    first: int
    last: int
    column: int
    flow: bool
    tag: str = ""
    items: list[Node] = field(default_factory=list["Node"])


@dataclass(slots=True)
class Mapping:
    """A map, in the order of the text; no key stands twice, but ``<<`` may."""

    first: int
    last: int
    column: int
    flow: bool
    tag: str = ""
    entries: list[tuple[Scalar, Node]] = field(
        default_factory=list["tuple[Scalar, Node]"]
    )

    @property
    def indent(self) -> int:
        """The column of its keys, which is not where an anchor stands."""
        return self.entries[0][0].column if self.entries else self.column

    def find(self, key: str) -> Node | None:
        """Return what stands at ``key`` in the text itself."""
        return next((node for at, node in self.entries if at.text == key), None)


@dataclass(slots=True)
class Alias:
    """``*name``: what was anchored, once more."""

    target: Node
    first: int
    last: int
    column: int
    tag: str = ""


Node: TypeAlias = Scalar | Sequence | Mapping | Alias


@dataclass(slots=True)
class _Builder:
    file: str
    root: Node | None = None
    documents: int = 0
    anchors: dict[str, Node] = field(default_factory=dict[str, Node])
    above: list[Sequence | Mapping] = field(default_factory=list[Sequence | Mapping])
    keys: list[Scalar | None] = field(default_factory=list["Scalar | None"])
    """For each open collection the key that waits for its value."""
    nodes: int = 0

    def take(self, event: Event) -> None:
        match event:
            case ScalarEvent():
                self._place(self._scalar(event), event.anchor)
            case AliasEvent():
                self._place(self._alias(event), None)
            case MappingStartEvent() | SequenceStartEvent():
                self._open(event)
            case CollectionEndEvent():
                self._close(event)
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    message = "a compose file is one document, this is another one"
                    self.refuse(event, "SEVERAL_DOCUMENTS", message, "split the file")
            case _:
                pass

    def refuse(
        self, event: Event | Node, code: str, message: str, hint: str
    ) -> NoReturn:
        if isinstance(event, Scalar | Sequence | Mapping | Alias):
            line, column = event.first, event.column
        else:
            line, column = _start(event)
        raise refused(self.file, (line, column), code, message, hint)

    def _scalar(self, event: ScalarEvent) -> Scalar:
        (first, column), (last, end) = _start(event), _end(event)
        plain = bool(event.implicit[0]) and event.tag is None
        if end == 0 and last > first:
            last -= 1  # a block scalar ends where the next line begins
        text = str(event.value)
        one_line = last == first and "\n" not in text
        return Scalar(text, plain and one_line, first, last, column, _tag(event.tag))

    def _alias(self, event: AliasEvent) -> Alias:
        target = self.anchors.get(event.anchor or "")
        line, column = _start(event)
        if target is None:
            message = f"nothing is anchored as {event.anchor!r}"
            self.refuse(event, "MALFORMED_YAML", message, ALIAS_HINT)
        if target in self.above:
            message = f"{event.anchor!r} contains itself"
            self.refuse(event, "MALFORMED_YAML", message, ALIAS_HINT)
        return Alias(target, line, line, column)

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        if len(self.above) >= DEPTH:
            message = f"nested deeper than {DEPTH} levels"
            self.refuse(event, "TOO_DEEP", message, "")
        line, column = _start(event)
        kind = Mapping if isinstance(event, MappingStartEvent) else Sequence
        node = kind(line, line, column, bool(event.flow_style), _tag(event.tag))
        self._place(node, event.anchor)
        self.above.append(node)
        self.keys.append(None)

    def _close(self, event: CollectionEndEvent) -> None:
        node = self.above.pop()
        self.keys.pop()
        node.last = max(node.last, _end(event)[0] if node.flow else 0)
        self._reaches(node.last)

    def _reaches(self, line: int) -> None:
        if self.above:
            self.above[-1].last = max(self.above[-1].last, line)

    def _place(self, node: Node, anchor: str | None) -> None:
        self.nodes += 1
        if self.nodes > NODES:
            self.refuse(node, "TOO_LARGE", f"more than {NODES:,} values", "")
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.above:
            self.root = node
            return
        self._reaches(node.last)
        above = self.above[-1]
        if isinstance(above, Sequence):
            above.items.append(node)
            return
        key = self.keys[-1]
        if key is not None:
            above.entries.append((key, node))
            self.keys[-1] = None
            return
        if not isinstance(node, Scalar):
            self.refuse(node, "WRONG_TYPE", "a key must be a word", "write it out")
        if node.text != "<<" and above.find(node.text) is not None:
            message = f"the key {node.text!r} stands twice in one map"
            self.refuse(node, "DUPLICATE_KEY", message, "keep one of them")
        self.keys[-1] = node


def _tag(tag: str | None) -> str:
    return "" if tag is None or OWN_TAGS.fullmatch(tag) else tag


def _start(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (0, 0) if mark is None else (mark.line, mark.column)


def _end(event: Event) -> tuple[int, int]:
    mark = event.end_mark
    return (0, 0) if mark is None else (mark.line, mark.column)


def refused(
    file: str, at: tuple[int, int], code: str, message: str, hint: str = ""
) -> InvalidConfigError:
    """Return the error that ``message`` is at a line and column counted from 0."""
    source = Source(file, 1, at[0] + 1, at[1] + 1)
    return InvalidConfigError([Finding(code, message, "", source, hint)])


def tree_of(text: str, file: str) -> Mapping:
    """Return the tree of the compose file ``text``, called ``file`` in messages.

    Raises:
        InvalidConfigError: If it is no YAML, no map, or exceeds a limit.

    """
    if len(text) > TEXT_LIMIT:
        message = f"the file has {len(text):,} characters, at most {TEXT_LIMIT:,}"
        raise refused(file, (0, 0), "TOO_LARGE", message)
    odd = ODD_BREAKS.search(text)
    if odd is not None:
        line = text.count("\n", 0, odd.start())
        message = f"the character {odd[0]!r} ends a line for YAML alone"
        hint = "save the file with the usual ends of lines"
        raise refused(file, (line, 0), "MALFORMED_YAML", message, hint)
    builder = _Builder(file)
    try:
        parser = CParser(text.removeprefix("\ufeff"))
        while (event := parser.get_event()) is not None:
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line, mark.column) if mark else (0, 0)
        message = f"malformed YAML: {error.problem}"
        raise refused(file, at, "MALFORMED_YAML", message) from error
    except yaml.YAMLError as error:
        message = f"malformed YAML: {str(error).splitlines()[0]}"
        raise refused(file, (0, 0), "MALFORMED_YAML", message) from error
    if not isinstance(builder.root, Mapping):
        message = "a compose file is a map with the key services"
        raise refused(file, (0, 0), "WRONG_TYPE", message)
    return builder.root
