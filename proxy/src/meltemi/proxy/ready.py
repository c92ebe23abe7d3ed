"""Whether an Envoy is ready, from its own numbers. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE = "server.state"
WORKERS = "listener_manager.workers_started"
CLUSTERS = "cluster_manager.cds.update_success"
LISTENERS = "listener_manager.lds.update_success"
CONNECTIONS = "downstream_cx_active"

READY_STATS = (STATE, WORKERS, CLUSTERS, LISTENERS)
LIVE = 0
STATES = ("live", "draining", "pre-initializing", "initializing")


def envoy_trouble(stats: Mapping[str, int]) -> str | None:
    """Return why Envoy is not ready, or None.

    Source:
        Istio's pilot/cmd/pilot-agent/status/ready/probe.go: workers started, state
        LIVE, and at least one accepted update of clusters and of listeners.

    """
    if not stats.get(CLUSTERS):
        return "no clusters were applied yet (CDS)"
    if not stats.get(LISTENERS):
        return "no listeners were applied yet (LDS)"
    state = stats.get(STATE, len(STATES))
    if state != LIVE:
        return f"its state is {STATES[state] if state < len(STATES) else state}"
    if not stats.get(WORKERS):
        return "its workers have not started"
    return None


def open_connections(stats: Mapping[str, int]) -> int:
    """Return how many downstream connections Envoy's own listeners hold."""
    return sum(
        value
        for name, value in stats.items()
        if name.startswith("listener.")
        and name.endswith(f".{CONNECTIONS}")
        and not name.startswith("listener.admin.")
    )
