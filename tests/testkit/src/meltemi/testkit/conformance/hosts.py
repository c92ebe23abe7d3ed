"""How host names are compared, and by which names a proxy knows a service."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from meltemi.pilot.model.host import covers, intersection, overlap
from meltemi.pilot.model.service import Service
from meltemi.pilot.scope.node import NodeSettings
from meltemi.pilot.scope.proxy import ProxyClass, Role
from meltemi.pilot.translate.route.domains import service_domains
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


def _judge_domains(row: dict[str, Any]) -> str:
    written, node = row["service"], row["node"]
    addresses = node.get("IPAddresses") or ()
    group = ProxyClass(
        role=Role.SIDECAR,
        namespace="",
        labels=(),
        addresses=tuple(addresses),
        dns_domain=node["DNSDomain"],
        node=NodeSettings(cluster=(node.get("Metadata") or {}).get("ClusterID", "")),
    )
    aliases = (written.get("Attributes") or {}).get("Aliases") or ()
    virtual = (written.get("ClusterVIPs") or {}).get("Addresses") or {}
    service = Service(
        host=written["Hostname"],
        name="",
        namespace="",
        ports=(),
        address=written.get("DefaultAddress", ""),
        cluster_addresses={name: tuple(each) for name, each in virtual.items()},
        aliases=tuple(each["Hostname"] for each in aliases),
    )
    found = service_domains(group, service, group.dns_domain)
    return differs(list(found.names), row["want"])
