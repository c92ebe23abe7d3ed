"""What an agent tells a Pilot every few seconds, and what Pilots tell of it."""

from __future__ import annotations

from typing import Final

import msgspec

from meltemi.kernel.errors import Blame, MeshError
from meltemi.stats.counts import WIDTH, Counts
from meltemi.stats.edge import LONGEST, PROTOCOLS, REPORTERS, SECURITIES, Edge, End

METHOD: Final = "/meltemi.stats.v1.Stats/Report"
"""gRPC, unary: a `Report` as JSON; the answer is empty."""
PERIOD_SECONDS: Final = 5.0
SLOTS: Final = 180
"""Periods that are kept: fifteen minutes."""
QUIET: Final = 12
"""Periods without a call after which an edge may have to make room: a minute."""
MOST_EDGES: Final = 500
"""Of one proxy: more are told as one."""
LARGEST: Final = 1024 * 1024
MOST_COUNTED: Final = 2.0**53
"""Of anything in one report: beyond it, floating point skips numbers."""


class InvalidReportError(MeshError):
    """A report that no agent of ours sends."""

    code = "stats.invalid-report"
    blame = Blame.CALLER


class Counted(msgspec.Struct, frozen=True):
    """What was counted of one edge since the report before."""

    edge: Edge
    counts: Counts


class Report(msgspec.Struct, frozen=True):
    """What one proxy counted since it last told."""

    edges: tuple[Counted, ...]


def encoded(report: Report) -> bytes:
    """Return ``report`` as it travels."""
    return msgspec.json.encode(report)


def decoded(raw: bytes) -> Report:
    """Return the report that ``raw`` is.

    Raises:
        InvalidReportError: If it is none, or of more than anybody counts.

    """
    if len(raw) > LARGEST:
        raise InvalidReportError(f"{len(raw)} bytes: expected at most {LARGEST}")
    try:
        report = msgspec.json.decode(raw, type=Report)
    except msgspec.MsgspecError as error:
        raise InvalidReportError(f"a report is JSON: {error}") from error
    # One for each reporter and protocol is all the others together.
    if len(report.edges) > MOST_EDGES + len(REPORTERS) * len(PROTOCOLS):
        found = len(report.edges)
        raise InvalidReportError(f"{found} edges: expected at most {MOST_EDGES}")
    for each in report.edges:
        _check(each)
    return report


def _check(counted: Counted) -> None:
    edge, counts = counted.edge, counted.counts
    for word in (*_words(edge.source), *_words(edge.destination), edge.service):
        if len(word) > LONGEST:
            raise InvalidReportError(f"{word[:40]!r}… is longer than {LONGEST}")
    if edge.reporter not in REPORTERS:
        raise InvalidReportError(
            f"reporter is source or destination: {edge.reporter!r}"
        )
    if edge.protocol not in PROTOCOLS:
        raise InvalidReportError(f"protocol is http, grpc or tcp: {edge.protocol!r}")
    if edge.security not in SECURITIES:
        raise InvalidReportError(f"no connection_security_policy: {edge.security!r}")
    if len(counts) != WIDTH or not all(0 <= n < MOST_COUNTED for n in counts):
        raise InvalidReportError(f"counts are {WIDTH} numbers from 0 to 2^53")


def _words(end: End) -> tuple[str, ...]:
    return end.workload, end.namespace, end.principal
