"""How host names are compared, and by which names a proxy knows a service."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from meltemi.pilot.model.host import covers, domains, intersection, overlap
from meltemi.testkit.conformance.case import Case, differs, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def host_names(folder: Path) -> Iterator[Case]:
    """Yield Istio's tables of wildcard hosts."""
    for table, rows in tables(folder):
        for row in rows:
            name = str(row.get("name") or f"{_names(row['a'])} & {_names(row['b'])}")
            yield Case(f"{table}/{name}", partial(_judge_names, table, row))


def vhost_domains(folder: Path) -> Iterator[Case]:
    """Yield Istio's table of the domains of a service's virtual host."""
    for table, rows in tables(folder):
        for row in rows:
            yield Case(f"{table}/{row['name']}", partial(_judge_domains, row))


def _judge_names(table: str, row: dict[str, object]) -> str:
    one, other = row["a"], row["b"]
    if "intersection" in row:
        found = list(intersection(_names(one), _names(other)))
        return differs(found, _names(row["intersection"]))
    if not isinstance(one, str) or not isinstance(other, str):
        return f"not two names: {row}"
    if "SubsetOf" in table:
        return differs(covers(other, one), row["out"])
    return differs(overlap(one, other) is not None, row["out"])


def _names(value: object) -> list[str]:
    listed = value.get("_pos", []) if isinstance(value, dict) else []
    return [str(name) for name in listed]


def _judge_domains(row: dict[str, object]) -> str:
    service, node = row["service"], row["node"]
    if not isinstance(service, dict) or not isinstance(node, dict):
        return f"no service or no node: {row}"
    found = domains(str(service["Hostname"]), str(node["DNSDomain"]))
    return differs(list(found), row["want"])
