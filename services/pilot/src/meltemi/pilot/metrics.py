"""What Pilot counts. Names end in a unit; labels are few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from meltemi.pilot.trail import Trail

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one Pilot, in a registry of their own.

    ``trail`` is where it tells of changes; None: nothing is traced.
    """

    def __init__(self, trail: Trail | None = None) -> None:
        self.trail = trail
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"meltemi_pilot_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"meltemi_pilot_{name}", what, registry=registry)

        self.revision = gauge("revision", "Configuration the mesh is computed from")
        self.streams = gauge("streams", "Proxies connected")
        self.direct = gauge("direct", "1 while the ledger is watched: no bell rings")
        self.resyncs = counter("resyncs_total", "Listings of the ledger", "reason")
        self.overflows = counter(
            "signal_overflows_total", "Announcements dropped: too many waited"
        )
        self.sent_bytes = counter(
            "sent_bytes_total", "Bytes of responses sent to proxies", "type"
        )
        self.refusals = counter(
            "refusals_total", "Responses that proxies refused", "type"
        )
        self.strangers = counter(
            "strangers_total", "Streams ended: the certificate is not the node's"
        )
        self.ended = counter("ended_total", "Streams ended by their caller", "code")
        self.withheld = counter(
            "secrets_withheld_total",
            "Pushes without the secrets of the class: the stream proved no identity",
        )
        self.build_failures = counter(
            "snapshot_failures_total", "Resources not computed: each is a bug"
        )
        self.build_seconds = Histogram(
            "meltemi_pilot_snapshot_build_seconds",
            "Time to compute the resources of one class of proxies",
            buckets=BUCKETS,
            registry=registry,
        )

    def edges(self, counted: Callable[[], float]) -> None:
        """Tell how many edges of the mesh's traffic are kept."""
        Gauge(
            "meltemi_pilot_stats_edges",
            "Edges whose traffic of the last 15 minutes is known, at most 1,006",
            registry=self.registry,
        ).set_function(counted)
