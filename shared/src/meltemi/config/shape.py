"""A tree of text read as a type: what does not fit is told, with its place."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from msgspec import inspect

from meltemi.config.node import ListNode, MapNode, Node, Scalar, plain_value
from meltemi.config.schema.message import OneOf
from meltemi.config.spelling import did_you_mean
from meltemi.config.values import Duration, InvalidDurationError

if TYPE_CHECKING:
    from meltemi.config.report import Report

RENAMED: Final = {"mirror_percent": "mirrorPercent", "jwks_uri": "jwksUri"}
"""Istio's schema knows these fields by their proto names as well."""
DURATION: Final = "duration"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads trees and tells ``report`` what does not fit.

    What comes back is plain values that `msgspec.convert` takes for the same type,
    provided that nothing was told.
    """

    report: Report

    def read(self, kind: inspect.Type, node: Node, path: str) -> object:
        """Return ``node`` read as ``kind``; ``path`` is where it stands."""
        kind, wide = _bare(kind)
        if self.report.full or _is_free(kind):
            return plain_value(node)
        match kind:
            case inspect.StructType():
                return self._struct(kind, node, path)
            case inspect.VarTupleType(item_type=item):
                return self._list(item, node, path)
            case inspect.DictType(value_type=value):
                return self._map(value, node, path)
            case _ if isinstance(node, Scalar):
                return self._scalar(kind, node, path, wide=wide)
            case _:
                return self._mistyped(_words(kind), node, path)

    def _struct(self, kind: inspect.StructType, node: Node, path: str) -> object:
        if not isinstance(node, MapNode):
            return self._mistyped("object", node, path)
        known = {field.encode_name: field for field in kind.fields}
        made: dict[str, object] = {}
        for key, value in node.values.items():
            if self.report.full:
                break
            name = RENAMED.get(key, key)
            name = name if name in known else key
            here = f"{path}.{key}" if path else key
            if name not in known:
                self._unknown(node.keys[key], known, here)
            elif not _is_null(value):
                made[name] = self.read(known[name].type, value, here)
        for field in kind.fields:
            if field.required and field.encode_name not in made:
                here = f"{path}.{field.encode_name}" if path else field.encode_name
                message = f"{field.encode_name} is required"
                self.report.add("REQUIRED", message, node=node, path=here)
        self._exclusive(kind, node, path)
        return made

    def _unknown(self, key: Scalar, known: dict[str, inspect.Field], path: str) -> None:
        hint = did_you_mean(key.text, known) or _listed(known)
        message = f"unknown field {key.text!r}"
        self.report.add("UNKNOWN_FIELD", message, node=key, path=path, hint=hint)

    def _exclusive(self, kind: inspect.StructType, node: MapNode, path: str) -> None:
        if not issubclass(kind.cls, OneOf):
            return
        names = {field.name: field.encode_name for field in kind.fields}
        for group in kind.cls.ONE_OF:
            present = [
                name
                for name in (names[each] for each in group)
                if name in node.values and not _is_null(node.values[name])
            ]
            if len(present) > 1:
                message = f"only one may be set: {' and '.join(present)}"
                second = node.keys[present[1]]
                self.report.add("ONE_OF", message, node=second, path=path)

    def _list(self, item: inspect.Type, node: Node, path: str) -> object:
        if not isinstance(node, ListNode):
            return self._mistyped("list", node, path)
        return [
            self.read(item, each, f"{path}[{index}]")
            for index, each in enumerate(node.items)
        ]

    def _map(self, value: inspect.Type, node: Node, path: str) -> object:
        if not isinstance(node, MapNode):
            return self._mistyped("map", node, path)
        return {
            key: self.read(value, each, f'{path}["{key}"]')
            for key, each in node.values.items()
        }

    def _scalar(
        self, kind: inspect.Type, node: Scalar, path: str, *, wide: bool
    ) -> object:
        value = node.value
        match kind:
            case inspect.IntType() if _is_whole(value, text_too=wide):
                number = value if isinstance(value, int) else int(node.text)
                self._within(kind, number, node, path)
                return number
            case inspect.BoolType() if isinstance(value, bool):
                return value
            case inspect.FloatType() if _is_number(value):
                self._within(kind, float(node.text), node, path)
                return value
            case _ if isinstance(value, str) and self._text(kind, node, path):
                return value
            case _:
                return self._mistyped(_words(kind), node, path)

    def _text(self, kind: inspect.Type, node: Scalar, path: str) -> bool:
        """Tell whether ``kind`` is written as text, after a look at the text."""
        match kind:
            case inspect.StrType():
                pass
            case inspect.EnumType():
                self._enum(kind, node, path)
            case inspect.CustomType():
                self._duration(node, path)
            case inspect.BytesType():
                self._base64(node, path)
            case _:
                return False
        return True

    def _within(
        self,
        kind: inspect.IntType | inspect.FloatType,
        value: float,
        node: Scalar,
        path: str,
    ) -> None:
        low, high = kind.ge, kind.le
        if (low is not None and value < low) or (high is not None and value > high):
            wanted = f"at least {low}" if high is None else f"from {low} to {high}"
            message = f"must be {wanted}, got {node.text}"
            self.report.add("OUT_OF_RANGE", message, node=node, path=path)

    def _enum(self, kind: inspect.EnumType, node: Scalar, path: str) -> None:
        words = [str(member.value) for member in kind.cls]
        if node.text not in words:
            hint = did_you_mean(node.text, words) or _listed(words)
            message = f"expected one of {'/'.join(words)}, found {node.text!r}"
            self.report.add("UNKNOWN_VALUE", message, node=node, path=path, hint=hint)

    def _duration(self, node: Scalar, path: str) -> None:
        try:
            Duration.parse(node.text)
        except InvalidDurationError as error:
            self.report.add("DURATION", str(error), node=node, path=path)

    def _base64(self, node: Scalar, path: str) -> None:
        try:
            b64decode(node.text, validate=True)
        except (binascii.Error, ValueError):
            message = "expected base64"
            self.report.add("WRONG_TYPE", message, node=node, path=path)

    def _mistyped(self, expected: str, node: Node, path: str) -> object:
        found, hint = _seen(node), ""
        if expected == "string" and isinstance(node, Scalar) and node.value is not None:
            hint = f'quote it: "{node.text}"'
        elif expected == DURATION:
            hint = "write a number with its unit, such as 500ms, 10s or 1h30m"
        elif isinstance(node, Scalar) and isinstance(node.value, str):
            unquoted = expected in ("integer", "number", "boolean")
            hint = "write it without quotes" if unquoted else ""
        message = f"expected {expected}, found {found}"
        self.report.add("WRONG_TYPE", message, node=node, path=path, hint=hint)
        return None


@cache
def shape_of(struct: type) -> inspect.Type:
    """Return the description of ``struct`` that a `Reader` walks by."""
    return inspect.type_info(struct)


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    """Return the type without "or None" and labels, and whether it has 64 bits."""
    wide = False
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            wide = wide or bool((kind.extra or {}).get("bits"))
            kind = kind.type
        else:
            kind = next(t for t in kind.types if not isinstance(t, inspect.NoneType))
    return kind, wide


def _is_free(kind: inspect.Type) -> bool:
    """Tell whether anything may stand there: ``object``, as in `FreeForm`."""
    return isinstance(kind, inspect.CustomType) and kind.cls is object


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object, *, text_too: bool) -> bool:
    if text_too and isinstance(value, str):
        return value.isdecimal() and value.isascii() and len(value) <= len(str(2**64))
    return isinstance(value, int) and not isinstance(value, bool)


def _seen(node: Node) -> str:
    if isinstance(node, MapNode):
        return "object"
    if isinstance(node, ListNode):
        return "list"
    words = {bool: "boolean", int: "integer", float: "number", str: "string"}
    if node.value is None:
        return "null"
    shown = node.text if len(node.text) <= 40 else f"{node.text[:40]}…"  # noqa: PLR2004 - a glance
    return f"{words[type(node.value)]} {shown!r}"


def _words(kind: inspect.Type) -> str:
    words: tuple[tuple[type[inspect.Type], str], ...] = (
        (inspect.BoolType, "boolean"),
        (inspect.IntType, "integer"),
        (inspect.FloatType, "number"),
        (inspect.CustomType, DURATION),
        (inspect.BytesType, "base64 string"),
    )
    return next((word for each, word in words if isinstance(kind, each)), "string")


def _listed(names: dict[str, inspect.Field] | list[str]) -> str:
    return f"known here: {', '.join(sorted(names))}"
