"""Header edits, as Envoy's lists of headers to add and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption

if TYPE_CHECKING:
    from meltemi.pilot import ir

OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
APPEND = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


def added(edits: ir.HeaderEdits) -> list[HeaderValueOption]:
    """Return what is set, then what is added beside existing values."""
    pairs = [(OVERWRITE, pair) for pair in edits.set]
    pairs += [(APPEND, pair) for pair in edits.add]
    return [
        HeaderValueOption(
            header=HeaderValue(key=name, value=value), append_action=action
        )
        for action, (name, value) in pairs
    ]


def removed(edits: ir.HeaderEdits) -> tuple[str, ...]:
    """Return the names to take away."""
    return edits.remove
