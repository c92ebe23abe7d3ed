"""What Galley counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from meltemi.galley.trail import Trail


class Metrics:
    """Galley's numbers, in a registry of their own, and where it tells of changes."""

    def __init__(self, trail: Trail | None = None) -> None:
        self.trail = trail
        """None: nothing is traced."""
        self.registry = CollectorRegistry()
        self.writes = Counter(
            "galley_writes",
            "Writes asked for, by what became of them: written, unchanged, dry-run.",
            ["outcome"],
            registry=self.registry,
        )
        self.key_sources = Gauge(
            "galley_key_sources",
            "Token issuers whose keys are fetched.",
            registry=self.registry,
        )
        self.key_sources_failing = Gauge(
            "galley_key_sources_failing",
            "Those of them whose last fetch failed.",
            registry=self.registry,
        )
        self.key_sources_without_keys = Gauge(
            "galley_key_sources_without_keys",
            "Those of them that have no keys: their tokens are refused.",
            registry=self.registry,
        )
        self.refused = Counter(
            "galley_refused",
            "Requests refused, by the error's code.",
            ["code"],
            registry=self.registry,
        )
        self.rung = Counter(
            "galley_relay_changes",
            "Changes rung, by whether the bus took them.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in ("sent", "unheard"):
            self.rung.labels(outcome)  # 0 from the start: the first one counts
