"""The door: the only way from a user's text to typed configuration.

::

    bytes ─ JSON ───────────────▶ values ─▶ structs ─▶ rules ─▶ resources
          └ YAML ─▶ tree ───────▶ values ─┘  ▲           │
                     └─▶ every problem, with its place ◀─┘
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.config.canonical import content
from meltemi.config.envelope import read_carefully, read_quickly
from meltemi.config.finding import Finding, Source
from meltemi.config.json_text import (
    LONGEST_INTEGER,
    NotJsonNumberError,
    NotStrictJsonError,
    load,
)
from meltemi.config.node import ListNode, MapNode, Scalar, node_of, plain_value
from meltemi.config.report import Report
from meltemi.config.rules.check import check
from meltemi.config.yaml_text import compose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.node import Node
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

TEXT_LIMIT: Final = 1024 * 1024
"""Bytes of one text."""
OBJECT_LIMIT: Final = 512 * 1024
"""Bytes of one object in its canonical spelling."""
SURELY_SMALL: Final = OBJECT_LIMIT // 8
"""Bytes of text that cannot hold an object over the limit: escapes take six for one."""
NOWHERE: Final = Source("", 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a text says, and what there is to say about it."""

    resources: tuple[Resource[Message], ...]
    """In the order of the text."""
    warnings: tuple[Finding, ...]
    """They refuse nothing. At most a hundred are kept."""


def decode(
    data: bytes, *, file: str, default_namespace: str
) -> tuple[Resource[Message], ...]:
    """Return the objects of `read`, without the warnings."""
    return read(data, file=file, default_namespace=default_namespace).resources


def read(data: bytes, *, file: str, default_namespace: str) -> Decoded:
    """Return the objects that ``data`` spells, and the warnings about them.

    Args:
        data: YAML (any number of documents) or JSON, in UTF-8, up to 1 MiB.
        file: What the user calls the text, for messages.
        default_namespace: Where objects belong that do not say.

    Raises:
        InvalidConfigError: With every error that was found, up to a hundred.

    """
    report = Report(file)
    text = _text(data, report)
    report.raise_errors()
    resources = _from_json(text, default_namespace, report)
    report.raise_errors()
    if not resources:
        resources = _from_tree(text, default_namespace, report)
    report.raise_errors()
    return Decoded(resources, tuple(report.warnings))


def objects_in(data: bytes, report: Report) -> Iterator[Node]:
    """Yield the tree of every object in ``data``, of whatever kind.

    ``report`` is set to the object's document, and takes what cannot be read.
    """
    text = _text(data, report)
    if text:
        yield from _objects(text, report)


def resource_at(node: Node, namespace: str, report: Report) -> Resource[Message] | None:
    """Return the object at ``node`` unless it is refused; ``report`` says why."""
    written = read_quickly(plain_value(node)) or read_carefully(node, report)
    if written is None:
        return None
    resource = written.resource(namespace)
    for finding in check(resource):
        report.add_within(node, finding)
        if report.full:
            break
    return resource


def _text(data: bytes, report: Report) -> str:
    if len(data) > TEXT_LIMIT:
        message = f"the text has {len(data):,} bytes, the limit is {TEXT_LIMIT:,}"
        finding = Finding("TOO_LARGE", message, "", NOWHERE, "split the file")
        report.add_at(0, 0, finding)
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        finding = Finding("NOT_UTF8", message, "", NOWHERE, "save the file as UTF-8")
        report.add_at(line, column, finding)
        return ""


def _from_json(
    text: str, namespace: str, report: Report
) -> tuple[Resource[Message], ...]:
    """Return the one object of a faultless JSON text; () asks for a closer look."""
    if not text.startswith("{"):
        return ()
    try:
        written = read_quickly(load(text))
    except NotJsonNumberError as error:
        _refuse_number(text, error, report)
        return ()
    except NotStrictJsonError:
        return ()
    if written is None:
        return ()
    resource = written.resource(namespace)
    if next(check(resource), None):
        return ()
    if len(text) > SURELY_SMALL:
        _refuse_large((resource,), report)
    return (resource,)


def _refuse_number(text: str, error: NotJsonNumberError, report: Report) -> None:
    """Say where the number stands: a YAML reader would take it for a string."""
    word = re.escape(error.word[:LONGEST_INTEGER])
    places = re.finditer(rf'"(?:[^"\\]++|\\.)*+"|({word})', text)
    at = next(match.start() for match in places if match[1] is not None)
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    hint = "write a finite number, or quote it if it is a word"
    report.add_at(line, column, Finding("NUMBER", str(error), "", NOWHERE, hint))


def _from_tree(
    text: str, namespace: str, report: Report
) -> tuple[Resource[Message], ...]:
    resources = tuple(
        resource
        for node in _objects(text, report)
        if (resource := resource_at(node, namespace, report)) is not None
    )
    if not resources and not report.findings:
        hint = "an object has apiVersion, kind, metadata and spec"
        report.add_at(1, 1, Finding("EMPTY", "no object here", "", NOWHERE, hint))
    if len(text) > SURELY_SMALL:
        _refuse_large(resources, report)
    return resources


def _objects(text: str, report: Report) -> Iterator[Node]:
    """Yield each object's tree, with the report set to its document."""
    for document, root in _documents(text, report):
        report.document = document
        items = _items(root)
        yield from [root] if items is None else items


def _documents(text: str, report: Report) -> list[tuple[int, Node]]:
    documents = compose(text, report)
    malformed = any(each.code == "MALFORMED_YAML" for each in report.findings)
    if malformed and text.startswith("{"):
        try:
            value = load(text)
        except NotStrictJsonError:
            return documents
        # JSON that libyaml cannot read, such as a surrogate pair: no positions then
        report.findings.clear()
        return [(1, node_of(value))]
    return [
        (number, root)
        for number, root in documents
        if not (isinstance(root, Scalar) and root.value is None)
    ]


def _items(root: Node) -> list[Node] | None:
    """Return the items of a Kubernetes List, which is how kubectl exports many."""
    if not isinstance(root, MapNode):
        return None
    kind, items = root.values.get("kind"), root.values.get("items")
    is_list = isinstance(kind, Scalar) and kind.text == "List"
    return items.items if is_list and isinstance(items, ListNode) else None


def _refuse_large(resources: tuple[Resource[Message], ...], report: Report) -> None:
    for resource in resources:
        size = len(content(resource))
        if size > OBJECT_LIMIT:
            message = (
                f"{resource.key} has {size:,} bytes, the limit is {OBJECT_LIMIT:,}"
            )
            finding = Finding("TOO_LARGE", message, "", NOWHERE, "split the object")
            report.add_at(0, 0, finding)
