"""A broken rule, before anybody knows on which line it stands."""

from __future__ import annotations

from typing import Final

from meltemi.config.finding import Finding, Source

SCHEMA_VALIDATION: Final = "IST0106"
"""Istio's code for whatever its own validation refuses."""
NOWHERE: Final = Source("", 0, 0, 0)


def problem(path: str, message: str, hint: str = "") -> Finding:
    """Return a finding about the field at ``path``; the door adds its place."""
    return Finding(SCHEMA_VALIDATION, message, path, NOWHERE, hint)
