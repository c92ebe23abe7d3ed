"""``meltemi routes``."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.ctl.traffic.commands import Named, Window, share, strange
from meltemi.ctl.traffic.names import goes_by, names_in
from meltemi.ctl.traffic.recent import Recent
from meltemi.ctl.traffic.route import RouteRow, routes
from meltemi.ctl.traffic.source import USUAL, seconds_of
from meltemi.ctl.why.evidence import world_of
from meltemi.ctl.why.hop import Hop
from meltemi.ctl.why.logs import opened
from meltemi.ctl.why.past import MOST
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
    now, seconds = SystemClock().now(), seconds_of(window)
    with opened(state, report) as logs:
        since = now.timestamp() - seconds if report is None else 0.0
        recent = Recent(logs.files, since, MOST, logs.tails)
        if report is None:
            every = routes(recent.hops(), now, seconds, recent.begins)
        else:
            known = list(recent.hops())
            every = routes(known, *whole(known), recent.begins)
    names = names_in(world_of(state, report)) if workload else {}
    found = [
        each
        for each in every
        if goes_by(each.proxy, workload, names)
        or each.service.startswith(f"{workload}.")
    ]
    if workload and not found:
        raise strange(
            workload, {x for each in every for x in (each.proxy, each.service)}
        )
    show(msgspec.to_builtins(found), output, [HEADING, *map(row, found)])
    if recent.begins:
        typer.echo(cut(recent.begins), err=True)


def cut(begins: Collection[str]) -> str:
    """Return what to say of logs that do not reach back as far as was asked."""
    return (
        f"note: of the log of {', '.join(sorted(begins))} only the end could be read; "
        "its requests are fewer than there were, its rates those of the time it covers"
    )


def whole(known: Collection[Hop]) -> tuple[datetime, float]:
    """Return when the newest request began, and how long after the oldest."""
    times = [datetime.fromisoformat(each.start_time) for each in known]
    if not times:
        return SystemClock().now(), 1.0
    return max(times), max((max(times) - min(times)).total_seconds(), 1.0)


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
