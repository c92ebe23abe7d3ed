"""Which metrics are counted, and what becomes of their tags, as Telemetry says.

Source: pilot/pkg/model/telemetry.go mergeMetrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.telemetry import IstioMetric, TagOperation, WorkloadMode
from meltemi.pilot.translate.telemetry.levels import SIDES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from meltemi.config.schema.telemetry import (
        Metrics,
        MetricSelector,
        MetricsOverrides,
    )

NAMES: Final = {
    IstioMetric.REQUEST_COUNT: "requests_total",
    IstioMetric.REQUEST_DURATION: "request_duration_milliseconds",
    IstioMetric.REQUEST_SIZE: "request_bytes",
    IstioMetric.RESPONSE_SIZE: "response_bytes",
    IstioMetric.TCP_OPENED_CONNECTIONS: "tcp_connections_opened_total",
    IstioMetric.TCP_CLOSED_CONNECTIONS: "tcp_connections_closed_total",
    IstioMetric.TCP_SENT_BYTES: "tcp_sent_bytes_total",
    IstioMetric.TCP_RECEIVED_BYTES: "tcp_received_bytes_total",
}
"""Istio's metrics, after ``istio_``; stock Envoy cannot count gRPC's messages."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What differs of one metric from Istio's standard."""

    disabled: bool = False
    tags: Mapping[str, str | None] = field(default_factory=dict[str, "str | None"])
    """By name a CEL expression; None: the tag is left out."""

    def under(self, said: MetricsOverrides) -> Changed:
        """Return this under what a later entry says."""
        tags = {
            name: None if tag.operation is TagOperation.REMOVE else tag.value or ""
            for name, tag in said.tag_overrides.items()
        }
        off = self.disabled if said.disabled is None else said.disabled
        return Changed(off, {**self.tags, **tags})


Counting = dict[str, Changed]
"""By the metric's name; a metric that is not there is as Istio has it."""


def counting(
    entries: Sequence[Metrics], defaults: tuple[str, ...], side: WorkloadMode
) -> dict[str, Counting | None]:
    """Return what each provider counts on one side of calls; None: nothing.

    Args:
        entries: Of all levels, the widest first.
        defaults: The mesh's default providers.
        side: CLIENT or SERVER.

    """
    if not entries:
        return {name: {} for name in defaults}
    in_force = defaults
    for each in entries:
        in_force = _providers(each) or in_force
    found: dict[str, Counting] = {}
    off: set[str] = set()
    parents = defaults
    for each in entries:
        parents = _providers(each) or parents
        for name in parents:
            if name not in in_force:
                continue
            held = found.setdefault(name, {})
            for said in each.overrides:
                if side not in _sides(said.match):
                    continue
                if said.disabled and _everything(said.match):
                    off.add(name)
                    continue
                off.discard(name)
                for metric in _metrics(said.match):
                    held[metric] = held.get(metric, Changed()).under(said)
    return {name: None if name in off else held for name, held in found.items()}


def _providers(entry: Metrics) -> tuple[str, ...]:
    return tuple(each.name for each in entry.providers)


def _sides(match: MetricSelector | None) -> tuple[WorkloadMode, ...]:
    said = match.mode if match else None
    return (said,) if said in SIDES else SIDES


def _everything(match: MetricSelector | None) -> bool:
    return match is not None and match.metric is IstioMetric.ALL_METRICS


def _metrics(match: MetricSelector | None) -> Iterable[str]:
    """Return the metrics that are meant; one may be called by its name, too."""
    if match and match.custom_metric:
        return (match.custom_metric.removeprefix("istio_"),)
    if match and match.metric and match.metric is not IstioMetric.ALL_METRICS:
        name = NAMES.get(match.metric)
        return (name,) if name else ()
    return NAMES.values()
