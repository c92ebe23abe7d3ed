"""Istio's standard metrics, as far as Telemetry and MeshConfig ask for them.

Source: pilot/pkg/model/telemetry.go buildHTTPTelemetryFilter, buildTCPTelemetryFilter;
Istio's standard metrics in istio.io/docs/reference/config/metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir
from meltemi.pilot.translate.telemetry.counting import Changed, counting
from meltemi.pilot.translate.telemetry.levels import levels, provider
from meltemi.pilot.translate.telemetry.metric_tag import Tags, expression, tags

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.schema.telemetry import WorkloadMode
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.telemetry.counting import Counting

LOGGER: Final = "envoy.access_loggers.stats"
OPENED: Final = ("TcpUpstreamConnected",)
CLOSED: Final = ("TcpConnectionEnd",)
SENT: Final = "%DOWNSTREAM_WIRE_BYTES_SENT%"
RECEIVED: Final = "%DOWNSTREAM_WIRE_BYTES_RECEIVED%"
HTTP: Final = (
    ir.Metric("requests_total", ir.Measure.COUNT, "", ()),
    ir.Metric(
        "request_duration_milliseconds", ir.Measure.MILLISECONDS, "%DURATION%", ()
    ),
    ir.Metric("request_bytes", ir.Measure.BYTES, RECEIVED, ()),
    ir.Metric("response_bytes", ir.Measure.BYTES, SENT, ()),
)
TCP_OPENED: Final = (
    ir.Metric("tcp_connections_opened_total", ir.Measure.COUNT, "", ()),
)
TCP_CLOSED: Final = (
    ir.Metric("tcp_connections_closed_total", ir.Measure.COUNT, "", ()),
    ir.Metric("tcp_sent_bytes_total", ir.Measure.COUNT, SENT, ()),
    ir.Metric("tcp_received_bytes_total", ir.Measure.COUNT, RECEIVED, ()),
)


@dataclass(frozen=True, slots=True)
class Meters:
    """What is counted on one side of calls, by what is known of callers."""

    http: tuple[ir.MetricLog, ...] = ()
    tcp: tuple[ir.MetricLog, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.http or self.tcp)


def meters(scope: Scope, side: WorkloadMode, *, secure: bool) -> Meters:
    """Return what the proxies of ``scope`` count on one side of calls.

    Args:
        scope: Of the proxies.
        side: CLIENT or SERVER.
        secure: Whether callers are known by mutual TLS.

    """
    changes = _changes(scope, side)
    if changes is None:
        return Meters()
    http = tags(scope, side, secure=secure, http=True)
    tcp = (*tags(scope, side, secure=secure, http=False), ("request_protocol", "tcp"))
    grpc = (*http, ("request_protocol", "grpc"))
    plain = (*http, ("request_protocol", "http"))
    return Meters(
        http=(
            *_log(HTTP, plain, changes, ir.LogFilter(grpc=False)),
            *_log(HTTP, grpc, changes, ir.LogFilter(grpc=True)),
        ),
        tcp=(
            *_log(TCP_OPENED, tcp, changes, ir.LogFilter(moments=OPENED)),
            *_log(TCP_CLOSED, tcp, changes, ir.LogFilter(moments=CLOSED)),
        ),
    )


def metered(scope: Scope) -> bool:
    """Tell whether anybody in the mesh may count calls."""
    defaults = scope.config.document.default_providers
    told = any(each.spec.metrics for each in scope.index.telemetries)
    return told or bool(defaults and defaults.metrics)


def counts(scope: Scope, side: WorkloadMode) -> bool:
    """Tell whether `meters` has anything; whose proxies they are is not asked."""
    changes = _changes(scope, side)
    if changes is None:
        return False
    every = (*HTTP, *TCP_OPENED, *TCP_CLOSED)
    return not all(changes.get(each.name, Changed()).disabled for each in every)


def _changes(scope: Scope, side: WorkloadMode) -> Counting | None:
    """Return what differs from the standard; None where nothing is counted."""
    entries = [entry for level in levels(scope) for entry in level.spec.metrics]
    defaults = scope.config.document.default_providers
    found = counting(entries, defaults.metrics if defaults else (), side)
    if LOGGER in scope.group.node.lacks:
        return None
    for name in sorted(found):
        given = provider(scope, name)
        if given is not None and given.prometheus is not None:
            return found[name]
    return None


def _log(
    metrics: Iterable[ir.Metric], given: Tags, changes: Counting, only: ir.LogFilter
) -> tuple[ir.MetricLog, ...]:
    kept = tuple(
        replace(each, tags=_tags(given, changes.get(each.name, Changed())))
        for each in metrics
        if not changes.get(each.name, Changed()).disabled
    )
    return (ir.MetricLog(kept, only),) if kept else ()


def _tags(given: Tags, changed: Changed) -> Tags:
    if not changed.tags:
        return given
    result: dict[str, str | None] = dict(given)
    for name in sorted(changed.tags):
        cel = changed.tags[name]
        result[name] = None if cel is None else expression(cel)
    return tuple((name, form) for name, form in result.items() if form is not None)
