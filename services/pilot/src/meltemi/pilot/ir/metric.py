"""What a proxy counts of every request or connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from meltemi.pilot.ir.access_log import LogFilter, Written

EVERY = LogFilter()


class Measure(StrEnum):
    """What kind of metric it is, and in which unit."""

    COUNT = "count"
    BYTES = "bytes"
    """A distribution of sizes."""
    MILLISECONDS = "milliseconds"
    """A distribution of times."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: After ``istio_``.
        measure: Its kind.
        value: A format in Envoy's command operators; empty: 1.
        tags: Names and formats, in order.

    """

    name: str
    measure: Measure
    value: str
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MetricLog:
    """Metrics that are counted together."""

    metrics: tuple[Metric, ...]
    only: LogFilter = EVERY


AccessLog = Written | MetricLog
"""Whatever is told of a request or connection when it is over."""
