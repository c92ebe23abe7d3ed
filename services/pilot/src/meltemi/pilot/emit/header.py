"""Header edits, as Envoy's lists of headers to add and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption

if TYPE_CHECKING:
    from meltemi.pilot import ir

OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
APPEND = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


def added(edits: ir.HeaderEdits) -> list[HeaderValueOption]:
    """Return what is given over or beside existing values, in order."""
    return [
        HeaderValueOption(
            header=HeaderValue(key=each.name, value=each.value),
            append_action=APPEND if each.beside else OVERWRITE,
        )
        for each in edits.give
    ]
