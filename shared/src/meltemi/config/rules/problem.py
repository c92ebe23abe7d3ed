"""A broken rule, before anybody knows on which line it stands."""

from __future__ import annotations

from typing import Final

from meltemi.config.finding import Finding, Severity, Source

SCHEMA_VALIDATION: Final = "IST0106"
"""Istio's code for whatever its own validation refuses."""
SCHEMA_WARNING: Final = "IST0133"
"""Istio's code for whatever its own validation warns of."""
NOWHERE: Final = Source("", 0, 0, 0)


def problem(path: str, message: str, hint: str = "") -> Finding:
    """Return a finding about the field at ``path``; the door adds its place."""
    return Finding(SCHEMA_VALIDATION, message, path, NOWHERE, hint)


def warning(
    path: str, message: str, hint: str = "", *, code: str = SCHEMA_WARNING
) -> Finding:
    """Return a finding that refuses nothing, about the field at ``path``."""
    return Finding(code, message, path, NOWHERE, hint, Severity.WARNING)
