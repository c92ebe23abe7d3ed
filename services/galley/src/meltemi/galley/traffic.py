"""What passed between workloads, from what both sides counted. Pure.

Both proxies of a call count it: the caller's knows the calls that never arrived, the
server's knows who called by the certificate. An edge has the caller's numbers, and the
server's word on security.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from meltemi.stats.counts import NOTHING, Counts, number, plus, quantile
from meltemi.stats.edge import UNKNOWN, Edge, End

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.stats.report import Counted

SOURCE: Final = "source"
QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """How much there was in a window of time."""

    requests: int
    failed: int
    """HTTP's 5xx, no answer at all, and statuses of gRPC that are the server's."""
    success: float | None
    """The share of requests that did not fail; None without requests."""
    rps: float
    """Requests a second, over all of the window."""
    latency_ms: dict[str, float | None]
    """p50, p90, p95 and p99; None without requests, or until durations are told."""
    connections_opened: int
    connections_closed: int
    received_bytes: int
    sent_bytes: int
    """Of TCP connections, as the server's side has it: sent is towards the caller."""


class EdgeRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who called whom."""

    source: End
    destination: End
    service: str
    protocol: str
    security: str
    """``mutual_tls``, ``none``, or ``unknown`` where the server did not count."""
    volume: Volume


class WorkloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one workload was asked."""

    workload: str
    namespace: str
    meshed: bool
    """Whether its own proxy counted."""
    secured: float | None
    """The share of requests and connections that came under mutual TLS."""
    volume: Volume


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """All that passed in a window of time."""

    window_seconds: float
    edges: tuple[EdgeRow, ...]
    workloads: tuple[WorkloadRow, ...]


class Pair(NamedTuple):
    """What both sides of a call say alike."""

    source: tuple[str, str]
    destination: tuple[str, str]
    service: str
    protocol: str


def traffic(counted: Iterable[Counted], seconds: float) -> Traffic:
    """Return what passed in ``seconds``, of what all proxies counted in them."""
    totals: dict[Edge, Counts] = {}
    for each in counted:
        totals[each.edge] = plus(totals.get(each.edge, NOTHING), each.counts)
    return Traffic(
        window_seconds=seconds,
        edges=tuple(_edges(totals, seconds)),
        workloads=tuple(_workloads(totals, seconds)),
    )


def volume(counts: Counts, seconds: float) -> Volume:
    """Return ``counts`` in the words of the API."""
    requests, failed = number(counts, "requests"), number(counts, "failed")
    return Volume(
        requests=round(requests),
        failed=round(failed),
        success=1 - failed / requests if requests else None,
        rps=requests / seconds,
        latency_ms={name: quantile(counts, share) for name, share in QUANTILES.items()},
        connections_opened=round(number(counts, "opened")),
        connections_closed=round(number(counts, "closed")),
        received_bytes=round(number(counts, "received")),
        sent_bytes=round(number(counts, "sent")),
    )


def _edges(totals: Mapping[Edge, Counts], seconds: float) -> Iterable[EdgeRow]:
    sent: dict[Pair, list[Edge]] = defaultdict(list)
    received: dict[Pair, list[Edge]] = defaultdict(list)
    for edge in sorted(totals):
        (sent if edge.reporter == SOURCE else received)[_pair(edge)].append(edge)
    for pair, edges in list(received.items()):
        for named in _named(edges[0], sent):
            received[named] += edges
            received.pop(pair, None)
    for pair in sorted(sent.keys() | received.keys()):
        told, heard = sent.get(pair, []), received.get(pair, [])
        counts = NOTHING
        for edge in told or heard:
            counts = plus(counts, totals[edge])
        word = (heard or told)[0]
        yield EdgeRow(
            source=(told or heard)[0].source,
            destination=_known(heard or told),
            service=pair.service,
            protocol=pair.protocol,
            security=word.security,
            volume=volume(counts, seconds),
        )


def _pair(edge: Edge) -> Pair:
    source, destination = edge.source, edge.destination
    return Pair(
        (source.workload, source.namespace),
        (destination.workload, destination.namespace),
        edge.service,
        edge.protocol,
    )


def _named(edge: Edge, sent: Mapping[Pair, list[Edge]]) -> list[Pair]:
    """Return the pairs that ``edge`` is the server's side of, if it cannot say.

    Over TCP a server knows a caller by its certificate alone.
    """
    principal = edge.source.principal
    if edge.source.workload != UNKNOWN or principal == UNKNOWN:
        return []
    there = _pair(edge)[1:]
    return [
        pair
        for pair, edges in sent.items()
        if pair[1:] == there
        and any(each.source.principal == principal for each in edges)
    ]


def _known(edges: list[Edge]) -> End:
    """Return the destination, by an edge that knows its certificate if any does."""
    ends = [each.destination for each in edges]
    return next((each for each in ends if each.principal != UNKNOWN), ends[0])


def _workloads(totals: Mapping[Edge, Counts], seconds: float) -> Iterable[WorkloadRow]:
    """Yield what each workload was asked: by its own proxy's word, if it has one."""
    asked: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in sorted(totals):
        end = edge.destination
        if end.workload != UNKNOWN:
            asked[end.workload, end.namespace].append(edge)
    for (workload, namespace), edges in sorted(asked.items()):
        own = [each for each in edges if each.reporter != SOURCE]
        counts, secured = NOTHING, NOTHING
        for edge in own or edges:
            counts = plus(counts, totals[edge])
            if edge.security == "mutual_tls":
                secured = plus(secured, totals[edge])
        yield WorkloadRow(
            workload=workload,
            namespace=namespace,
            meshed=bool(own),
            secured=_share(secured, counts) if own else None,
            volume=volume(counts, seconds),
        )


def _share(part: Counts, whole: Counts) -> float | None:
    calls = sum(number(whole, name) for name in ("requests", "opened"))
    some = sum(number(part, name) for name in ("requests", "opened"))
    return some / calls if calls else None
