"""Which WorkloadEntries agents registered, and who is there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meltemi.proxy.entry import CHECKED, HEALTHY, SIGN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADING: Final = (
    *("NAME", "SERVICE", "ADDRESS", "IDENTITY"),
    *("WELL", "CONNECTED", "SINCE"),
)

WELL: Final = {None: "-", True: "yes", False: "no"}

Row = dict[str, Any]


def registered(
    entries: Sequence[Mapping[str, Any]], proxies: Sequence[Mapping[str, Any]]
) -> list[Row]:
    """Return a row for each entry that a workload wrote itself."""
    there = {each["proxy"]: each for each in proxies}
    rows = [_row(each, there) for each in entries if _identity(each)]
    return sorted(rows, key=lambda row: str(row["name"]))


def cells(row: Row) -> list[str]:
    """Return a row as text, in the order of `HEADING`."""
    connected = "yes" if row["connected"] else "no"
    service = row["labels"].get("app", "-")
    named = [row[name] for name in ("name", "address", "identity", "since")]
    name, address, identity, since = (str(each) for each in named)
    well = WELL[row["well"]]
    return [name, service, address, identity, well, connected, since or "-"]


def _row(entry: Mapping[str, Any], there: Mapping[str, Mapping[str, Any]]) -> Row:
    metadata, spec = entry["metadata"], entry.get("spec", {})
    name = f"{metadata['name']}.{metadata['namespace']}"
    proxy = there.get(name, {})
    ports = spec.get("ports", {})
    address = spec.get("address", "")
    return {
        "name": name,
        "labels": {**metadata.get("labels", {}), **spec.get("labels", {})},
        "address": ",".join(f"{address}:{port}" for port in ports.values()) or address,
        "identity": _identity(entry),
        "well": _well(entry),
        "connected": bool(proxy.get("connected")),
        "since": proxy.get("connected_at", "") if proxy.get("connected") else "",
    }


def _well(entry: Mapping[str, Any]) -> bool | None:
    """Return what the agent found its application to be; None: nobody looks."""
    annotations = entry["metadata"].get("annotations") or {}
    if annotations.get(CHECKED) != "true":
        return None
    return bool(annotations.get(HEALTHY) == "True")


def _identity(entry: Mapping[str, Any]) -> str:
    """Return the identity of the workload that keeps the entry; empty: none does."""
    annotations = entry["metadata"].get("annotations") or {}
    return str(annotations.get(SIGN, ""))
