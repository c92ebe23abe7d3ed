"""What there is to measure, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import certificates
import comparison
import delivery
import distribution
import misconduct
import resolving
import scaling
import soaking
import storm
import telemetry
import validation
import writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from measure import Figure

SUITES: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "validation": validation.figures,
    "writes": writes.figures,
    "distribution": distribution.figures,
    "delivery": lambda: delivery.figures(comparison.CHOSEN),
    "misconduct": misconduct.figures,
    "storm": storm.figures,
    "certificates": certificates.figures,
    "dns": resolving.figures,
    "telemetry": telemetry.figures,
}
LONG: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "scaling": scaling.figures,
    "soak": lambda: soaking.figures(comparison.CHOSEN.soak_seconds),
}
"""Measured only where they are named: they take long."""
