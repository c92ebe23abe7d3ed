"""How the routes of a root and of its delegate become one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from meltemi.config.schema.http_match import HTTPMatchRequest
from meltemi.config.schema.http_route import HTTPRoute
from meltemi.config.values import decode_value
from meltemi.pilot.translate.route.delegate import conflict, merged, merged_matches
from meltemi.testkit.conformance.case import Case, differs, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")


def vs_delegate_merge(folder: Path) -> Iterator[Case]:
    """Yield Istio's tables of merged routes, merged matches and conflicts."""
    for table, rows in tables(folder):
        for row in rows:
            yield Case(f"{table}/{row['name']}", partial(_judge, row))


def _judge(row: dict[str, object]) -> str:
    if "leaf" in row:
        root = _read(row["root"], HTTPMatchRequest)
        leaf = _read(row["leaf"], HTTPMatchRequest)
        return differs(conflict(root, leaf), row["expected"])
    if isinstance(row["root"], dict):
        routes = merged(_read(row["root"], HTTPRoute), _all(row["delegate"], HTTPRoute))
        return differs(routes, _all(row["expected"], HTTPRoute))
    matches = merged_matches(
        _all(row["root"], HTTPMatchRequest), _all(row["delegate"], HTTPMatchRequest)
    )
    wanted = row["expected"]
    return differs(matches, None if wanted is None else _all(wanted, HTTPMatchRequest))


def _all(values: object, kind: type[T]) -> tuple[T, ...]:
    listed = values if isinstance(values, list) else []
    return tuple(_read(each, kind) for each in listed)


def _read(value: object, kind: type[T]) -> T:
    spelled = value["value"] if isinstance(value, dict) else None
    return msgspec.convert(spelled, kind, dec_hook=decode_value)
