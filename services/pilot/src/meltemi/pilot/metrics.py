"""What Pilot counts. Names end in a unit; labels are few."""

from __future__ import annotations

from collections import Counter as Counts
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from meltemi.kernel.clock import SystemClock
from meltemi.pilot.convergence import Convergence
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.kernel.clock import Clock
    from meltemi.pilot.connections import Connection, Connections
    from meltemi.pilot.stats.ring import Ring
    from meltemi.pilot.trail import Trail

SYSTEM_CLOCK = SystemClock()
RESYNCS = ("start", "gap", "behind", "contradiction", "epoch", "anti-entropy")
"""Why the ledger is listed, as events say it, and in a mesh that is well."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one Pilot, in a registry of their own.

    ``trail`` is where it tells of changes; None: nothing is traced.
    """

    def __init__(self, trail: Trail | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self.trail = trail
        self.convergence = Convergence(clock)
        self.registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"meltemi_pilot_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"meltemi_pilot_{name}", what, registry=registry)

        self.revision = gauge("revision", "Configuration the mesh is computed from")
        self.streams = gauge("streams", "Proxies connected")
        self.direct = gauge("direct", "1 while the ledger is watched: no bell rings")
        self.resyncs = counter("resyncs_total", "Listings of the ledger", "reason")
        for reason in RESYNCS:
            self.resyncs.labels(reason)  # 0 from the start: the first one counts
        self.shrinks = counter(
            "shrinks_total", "Times that much vanished at once: looked at twice"
        )
        self.overflows = counter(
            "signal_overflows_total", "Announcements dropped: too many waited"
        )
        sent_bytes = counter(
            "sent_bytes_total", "Bytes of responses sent to proxies", "type"
        )
        self.sent_bytes = {kind: sent_bytes.labels(kind.short) for kind in TypeUrl}
        self.refusals = counter("refusals_total", "Responses proxies refused", "type")
        for kind in TypeUrl:
            self.refusals.labels(kind.short)
        self.strangers = counter(
            "strangers_total", "Streams ended: the certificate is not the node's"
        )
        self.below_floor = counter("below_floor_total", "Refused: they were ahead")
        self.ended = counter("ended_total", "Streams ended by their caller", "code")
        self.withheld = counter(
            "secrets_withheld_total",
            "Pushes without the secrets of the class: the stream proved no identity",
        )
        self._timed()

    def _timed(self) -> None:
        self.build_failures = Counter(
            "meltemi_pilot_snapshot_failures_total",
            "Resources not computed: each is a bug",
            registry=self.registry,
        )
        self.build_seconds = self._seconds(
            "meltemi_pilot_snapshot_build_seconds",
            "Time to compute the resources of one class of proxies",
        )
        self.convergence_seconds = self._seconds(
            "mesh_convergence_seconds",
            "From when a revision was written until a proxy acknowledged it",
        )
        self.loop_lag_seconds = self._seconds(
            "meltemi_pilot_loop_lag_seconds",
            "How late the event loop was, looked at ten times a second",
        )

    def _seconds(self, name: str, what: str) -> Histogram:
        return Histogram(name, what, buckets=BUCKETS, registry=self.registry)

    def progressed(self, connection: Connection) -> None:
        """Count what a proxy has come to hold."""
        acked = connection.session.acked
        for seconds in self.convergence.arrived(connection.arrived, acked):
            self.convergence_seconds.observe(seconds)
        connection.arrived = acked

    def distribution(self, connections: Connections) -> None:
        """Tell, whenever it is asked for, who is behind and what is refused."""
        Gauge(
            "mesh_proxy_config_lag_seconds",
            "Since when the proxy that is furthest behind lacks a revision; 0: none is",
            registry=self.registry,
        ).set_function(
            lambda: max(
                (self.convergence.behind(e.session.acked) for e in connections.all()),
                default=0.0,
            )
        )
        self.registry.register(_Refused(connections))

    def edges(self, ring: Ring) -> None:
        """Tell how many edges of the mesh's traffic are kept, and how many are not."""
        self.registry.register(_Edges(ring))


class _Edges(Collector):
    """How full the ring of the mesh's traffic is."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def collect(self) -> Iterator[Metric]:
        """Yield what is kept, and what had no room."""
        yield GaugeMetricFamily(
            "meltemi_pilot_stats_edges",
            "Edges whose traffic of the last 15 minutes is known, at most 1,006",
            value=len(self._ring),
        )
        yield CounterMetricFamily(
            "meltemi_pilot_stats_edges_dropped",
            "Edges counted with others from then on: another reporter had fewer",
            value=self._ring.dropped,
        )
        yield CounterMetricFamily(
            "meltemi_pilot_stats_edges_folded",
            "Times that an edge was counted with others: there was no room",
            value=self._ring.folded,
        )


class _Refused(Collector):
    """By object how many proxies refuse what was made of it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the one metric: a series for each object that is refused now."""
        found = GaugeMetricFamily(
            "mesh_refused",
            "Proxies that refuse what was made of an object",
            labels=("object",),
        )
        who = {(row["object"], row["proxy"]) for row in self._connections.refusals()}
        for name, count in sorted(Counts(each for each, _ in who).items()):
            found.add_metric((name,), count)
        yield found
