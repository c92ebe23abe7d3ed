"""From when to when the workload's certificate is good, for who scrapes the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.identity.credential import Credential


def tell_times(
    held: Callable[[], Credential | None], registry: CollectorRegistry
) -> None:
    """Have ``registry`` tell, at every scrape, the times of what is ``held`` then.

    The start is told too, so that an alert can be about the share of the lifetime
    that is left: six hours are plenty for one mesh and all there is in another.
    """

    def start() -> float:
        now = held()
        return now.leaf.not_valid_before_utc.timestamp() if now else 0.0

    def end() -> float:
        now = held()
        return now.leaf.not_valid_after_utc.timestamp() if now else 0.0

    Gauge(
        "meltemi_agent_certificate_start_timestamp_seconds",
        "When the workload's certificate begins, in Unix time; 0 without one.",
        registry=registry,
    ).set_function(start)
    Gauge(
        "meltemi_agent_certificate_expiry_timestamp_seconds",
        "When the workload's certificate ends, in Unix time; 0 without one.",
        registry=registry,
    ).set_function(end)
