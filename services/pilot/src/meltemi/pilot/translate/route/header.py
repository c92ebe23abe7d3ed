"""Changes to headers that a VirtualService asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.pilot import ir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.schema.http_route import HeaderOperations

HOST_HEADERS = ("host", ":authority")


def edits(operations: HeaderOperations | None) -> ir.HeaderEdits:
    """Return the changes, but for the host, which Envoy changes in another way.

    Other pseudo headers are dropped, as Istio drops them: Envoy refuses to touch them.
    """
    if operations is None:
        return ir.NO_EDITS
    over = (ir.HeaderEdit(name, value) for name, value in _real(operations.set))
    beside = (
        ir.HeaderEdit(name, value, beside=True) for name, value in _real(operations.add)
    )
    return ir.HeaderEdits(
        give=(*over, *beside),
        remove=tuple(each for each in operations.remove if not each.startswith(":")),
    )


def host_rewrite(operations: HeaderOperations | None) -> str:
    """Return the host that the changes ask for; empty where they ask for none."""
    if operations is None:
        return ""
    for given in (operations.set, operations.add):
        for name, value in given.items():
            if name.lower() in HOST_HEADERS:
                return value
    return ""


def _real(given: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(
        (name, value)
        for name, value in given.items()
        if not name.startswith(":") and name.lower() not in HOST_HEADERS
    )
