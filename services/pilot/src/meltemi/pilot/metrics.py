"""What Pilot counts. Names end in a unit; labels are few."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one Pilot, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.revision = Gauge(
            "meltemi_pilot_revision",
            "Configuration revision the mesh is computed from",
            registry=self.registry,
        )
        self.resyncs = Counter(
            "meltemi_pilot_resyncs_total",
            "Times the ledger was listed, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.overflows = Counter(
            "meltemi_pilot_signal_overflows_total",
            "Announcements dropped because too many waited",
            registry=self.registry,
        )
        self.streams = Gauge(
            "meltemi_pilot_streams",
            "Proxies connected",
            registry=self.registry,
        )
        self.sent_bytes = Counter(
            "meltemi_pilot_sent_bytes_total",
            "Bytes of resources sent to proxies, by type",
            ["type"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "meltemi_pilot_refusals_total",
            "Responses proxies refused, by type",
            ["type"],
            registry=self.registry,
        )
        self.build_seconds = Histogram(
            "meltemi_pilot_snapshot_build_seconds",
            "Time to compute the resources of one class of proxies",
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.build_failures = Counter(
            "meltemi_pilot_snapshot_failures_total",
            "Classes whose resources could not be computed: each is a bug",
            registry=self.registry,
        )
