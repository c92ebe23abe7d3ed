"""Edges of a mesh's graph, and what was counted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.stats.counts import BOUNDS, NUMBERS
from meltemi.stats.edge import Edge, End

if TYPE_CHECKING:
    from meltemi.stats.counts import Counts


def end(name: str, namespace: str = "default") -> End:
    """Return a workload whose account is called like it."""
    return End(name, namespace, f"spiffe://cluster.local/ns/{namespace}/sa/{name}")


def edge(
    source: End | str = "web",
    destination: End | str = "api",
    *,
    reporter: str = "source",
    protocol: str = "http",
    security: str = "",
) -> Edge:
    """Return an edge; the destination says that it was under mutual TLS."""
    said = "mutual_tls" if reporter == "destination" else "unknown"
    return Edge(
        reporter,
        end(source) if isinstance(source, str) else source,
        end(destination) if isinstance(destination, str) else destination,
        "api.default.svc.cluster.local",
        protocol,
        security or said,
    )


def counts(*took: float, failed: int = 0, **given: float) -> Counts:
    """Return the counts of requests that took so many milliseconds each."""
    numbers = {
        "requests": len(took),
        "failed": failed,
        "milliseconds": sum(took),
        **given,
    }
    buckets = [sum(each <= bound for each in took) for bound in BOUNDS]
    found = [numbers.get(name, 0) for name in NUMBERS]
    return tuple(map(float, (*found, *buckets, len(took))))
