"""Istio's counters as a proxy's page has them, read into edges.

Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meltemi.stats.counts import BOUNDS, FIRST_BUCKET, NUMBERS, WIDTH
from meltemi.stats.edge import (
    LONGEST,
    PROTOCOLS,
    REPORTERS,
    SECURITIES,
    UNKNOWN,
    Edge,
    End,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.stats.counts import Counts

LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPED: Final = re.compile(r"\\(.)")
REQUESTS: Final = "istio_requests_total"
DURATION: Final = "istio_request_duration_milliseconds"
BUCKET: Final = f"{DURATION}_bucket"
PLACES: Final = {
    REQUESTS: NUMBERS.index("requests"),
    f"{DURATION}_sum": NUMBERS.index("milliseconds"),
    "istio_tcp_connections_opened_total": NUMBERS.index("opened"),
    "istio_tcp_connections_closed_total": NUMBERS.index("closed"),
    "istio_tcp_received_bytes_total": NUMBERS.index("received"),
    "istio_tcp_sent_bytes_total": NUMBERS.index("sent"),
}
BUCKETS: Final = {
    f"{bound:g}": FIRST_BUCKET + place for place, bound in enumerate(BOUNDS)
} | {"+Inf": WIDTH - 1}
HTTP: Final = "http"
TCP: Final = "tcp"
CONNECTIONS: Final = "istio_tcp_"
FAILED: Final = NUMBERS.index("failed")
SERVER_FAULTS: Final = frozenset({"2", "4", "12", "13", "14", "15"})
"""Statuses of gRPC that are the server's failure.

Source: opentelemetry.io/docs/specs/semconv/rpc/grpc, error statuses of servers.
"""
REFUSED: Final = 500
"""HTTP's statuses from here on are failures, and 0: no answer at all."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the number of one line is counted."""

    edge: Edge
    column: int
    failed: bool = False


class Lines:
    """Reads a proxy's pages one after another, and tells what is new on each.

    A line that says less than on the page before, or was not on it, began at nothing:
    Envoy started anew, or had forgotten the series. No more is kept than one page, and
    that is bounded: so an edge that comes back is counted from where its lines stand.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Place | None, float]] = {}

    def read(self, page: str) -> dict[Edge, Counts]:
        """Return what the proxy counted of each edge since the page before."""
        seen: dict[str, tuple[Place | None, float]] = {}
        news: dict[Edge, list[float]] = {}
        # A label may have any character in it that ends a line elsewhere.
        for line in page.split("\n"):
            if not line.startswith("istio_"):
                continue
            head, _, text = line.rpartition(" ")
            value = float(text)
            place, before = self._seen.get(head) or (place_of(head), 0.0)
            seen[head] = place, value
            new = value - before if value >= before else value
            if place is not None and new:
                counts = news.setdefault(place.edge, [0.0] * WIDTH)
                counts[place.column] += new
                if place.failed:
                    counts[FAILED] += new
        self._seen = seen
        return {edge: tuple(counts) for edge, counts in news.items()}


def place_of(head: str) -> Place | None:
    """Return where a line is counted, by all of it but its number; None: nowhere."""
    name, _, written = head.partition("{")
    if name not in PLACES and name != BUCKET:
        return None
    return placed(name, dict(_labels(written)))


def placed(name: str, labels: Mapping[str, str]) -> Place | None:
    """Return where a sample called ``name`` is counted; None: nowhere."""
    column = PLACES.get(name, BUCKETS.get(labels.get("le", "")))
    if column is None or labels.get("reporter") not in REPORTERS:
        return None
    failed = name == REQUESTS and is_failure(labels)
    protocol = TCP if name.startswith(CONNECTIONS) else HTTP
    return Place(edge_of(labels, protocol), column, failed)


def _labels(written: str) -> Iterator[tuple[str, str]]:
    for name, value in LABEL.findall(written):
        yield name, ESCAPED.sub(r"\1", value) if "\\" in value else value


def is_failure(labels: Mapping[str, str]) -> bool:
    """Tell whether requests with these labels failed by a server's fault."""
    code = labels.get("response_code", "")
    if code == "0" or (code.isascii() and code.isdigit() and int(code) >= REFUSED):
        return True
    return labels.get("grpc_response_status", "") in SERVER_FAULTS


def edge_of(labels: Mapping[str, str], protocol: str = HTTP) -> Edge:
    """Return which edge labels of Istio's are about, in words that a Pilot takes.

    A tag that was left out is unknown; ``protocol`` is what it is then.
    """

    def said(name: str) -> str:
        return (labels.get(name) or UNKNOWN)[:LONGEST]

    source, destination = (
        End(
            said(f"{side}_workload"),
            said(f"{side}_workload_namespace"),
            said(f"{side}_principal"),
        )
        for side in ("source", "destination")
    )
    named, security = said("request_protocol"), said("connection_security_policy")
    return Edge(
        said("reporter"),
        source,
        destination,
        said("destination_service"),
        named if named in PROTOCOLS else protocol,
        security if security in SECURITIES else UNKNOWN,
    )
