"""``meltemi routes``."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.ctl.traffic.commands import Named, Window, is_meant, share, strange
from meltemi.ctl.traffic.route import RouteRow, routes
from meltemi.ctl.traffic.source import USUAL, seconds_of
from meltemi.ctl.why.hop import Hop, hops
from meltemi.ctl.why.logs import logs_in, logs_of
from meltemi.kernel.clock import SystemClock

HEADING = (
    *("ROUTE", "SERVICE", "FROM", "REQUESTS", "SUCCESS", "RPS"),
    *("P50", "P95", "P99"),
)
LATENCIES = ("p50", "p95", "p99")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("routes")(show_routes)


def show_routes(
    workload: Named = "",
    *,
    state: StateOption,
    window: Window = USUAL,
    report: Annotated[
        Path | None,
        typer.Option("--from", help="Read this bug report, no mesh: all of it."),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what passed each route, from the access logs of the callers' proxies.

    A WORKLOAD may be who calls, or the service's host. Lines come up to ten seconds
    late.
    """
    if report is None:
        known = hops(logs_of(state))
        now, seconds = SystemClock().now(), seconds_of(window)
    else:
        known = hops(logs_in(report))
        now, seconds = whole(known)
    every = routes(known, now, seconds)
    found = [
        each
        for each in every
        if is_meant(each.proxy, "default", workload)
        or each.service.startswith(f"{workload}.")
    ]
    if workload and not found:
        names = {name for each in every for name in (each.proxy, each.service)}
        raise strange(workload, names)
    show(msgspec.to_builtins(found), output, [HEADING, *map(row, found)])


def whole(known: Sequence[Hop]) -> tuple[datetime, float]:
    """Return when the newest request began, and how long after the oldest."""
    times = [datetime.fromisoformat(each.start_time) for each in known]
    if not times:
        return SystemClock().now(), 1.0
    return times[-1], max((times[-1] - times[0]).total_seconds(), 1.0)


def row(found: RouteRow) -> list[str]:
    """Return a route as a row."""
    return [
        found.route,
        found.service,
        found.proxy,
        str(found.requests),
        share(found.success),
        f"{found.rps:.1f}",
        *(f"{found.latency_ms[name]:.0f}ms" for name in LATENCIES),
    ]
