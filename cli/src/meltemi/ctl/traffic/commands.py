"""``meltemi stat``, ``edges`` and ``metrics``."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
import typer

from meltemi.ctl.galley.namespaces import expect_namespace
from meltemi.ctl.output import Output, OutputOption, show
from meltemi.ctl.state import StateOption
from meltemi.ctl.traffic.source import USUAL, read_traffic
from meltemi.galley.traffic import EdgeRow, Volume, WorkloadRow
from meltemi.kernel.errors import Blame, MeshError
from meltemi.stats.edge import UNKNOWN

Named = Annotated[
    str,
    typer.Argument(
        metavar="[WORKLOAD]", help="Such as reviews-v1 or reviews-v1.default."
    ),
]
Workloads = Annotated[
    list[str],
    typer.Argument(metavar="WORKLOAD...", help="Such as reviews-v1.default."),
]
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Of this one only; else of all.")
]
Window = Annotated[str, typer.Option("--window", "-t", help="How far back: 5s to 15m.")]
NOTHING = "-"
STAT = (
    *("NAME", "NAMESPACE", "MESHED", "SUCCESS", "RPS", "P50", "P95", "P99"),
    *("TCP_OPENED", "SECURED"),
)
EDGES = (
    *("SRC", "DST", "SRC_NS", "DST_NS", "SERVICE", "PROTOCOL", "SECURED"),
    *("SUCCESS", "RPS", "P95", "TCP_OPENED"),
)


class NoTrafficError(MeshError):
    """A workload was named of which nothing is known, or that nobody called."""

    code = "stats.no-traffic"
    blame = Blame.CALLER


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(stat)
    app.command()(edges)
    app.command()(metrics)


def stat(
    workload: Named = "",
    *,
    state: StateOption,
    namespace: Namespace = "",
    window: Window = USUAL,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what each workload was asked, and how that went."""
    every = read_traffic(state, window).workloads
    found = [
        each
        for each in every
        if is_meant(each.workload, each.namespace, workload, namespace)
    ]
    if not found:
        expect_namespace(state, namespace)
    if workload and not found:
        raise strange(workload, (f"{e.workload}.{e.namespace}" for e in every))
    rows = [STAT, *map(stat_row, found)]
    show(msgspec.to_builtins(found), output, rows)


def stat_row(found: WorkloadRow) -> list[str]:
    """Return a workload as a row."""
    volume = found.volume
    return [
        found.workload,
        found.namespace,
        "yes" if found.meshed else "no",
        share(volume.success),
        f"{volume.rps:.1f}",
        *(latency(volume, name) for name in ("p50", "p95", "p99")),
        str(volume.connections_opened),
        share(found.secured),
    ]


def edges(
    workload: Named = "",
    *,
    state: StateOption,
    namespace: Namespace = "",
    window: Window = USUAL,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show who calls whom, and whether under mutual TLS."""
    every = read_traffic(state, window).edges
    found = [
        each
        for each in every
        if any(
            is_meant(end.workload, end.namespace, workload, namespace)
            for end in (each.source, each.destination)
        )
    ]
    if not found:
        expect_namespace(state, namespace)
    if workload and not found:
        ends = (end for each in every for end in (each.source, each.destination))
        raise strange(workload, (f"{e.workload}.{e.namespace}" for e in ends))
    rows = [EDGES, *map(edge_row, found)]
    show(msgspec.to_builtins(found), output, rows)


def edge_row(found: EdgeRow) -> list[str]:
    """Return an edge as a row."""
    volume = found.volume
    return [
        found.source.workload,
        found.destination.workload,
        found.source.namespace,
        found.destination.namespace,
        found.service,
        found.protocol,
        NOTHING if found.security == UNKNOWN else found.security,
        share(volume.success),
        f"{volume.rps:.1f}",
        latency(volume, "p95"),
        str(volume.connections_opened),
    ]


def metrics(
    workloads: Workloads,
    *,
    state: StateOption,
    window: Window = USUAL,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show rates and latencies of WORKLOADs, as ``istioctl x metrics`` does."""
    heading = ["WORKLOAD", "TOTAL RPS", "ERROR RPS"]
    every = read_traffic(state, window)
    found = list(_named(every.workloads, workloads))
    rows = [
        [
            f"{each.workload}.{each.namespace}",
            f"{each.volume.rps:.3f}",
            f"{each.volume.failed / every.window_seconds:.3f}",
            *(latency(each.volume, name) for name in ("p50", "p90", "p99")),
        ]
        for each in found
    ]
    latencies = [f"{name} LATENCY" for name in ("P50", "P90", "P99")]
    show(msgspec.to_builtins(found), output, [heading + latencies, *rows])


def _named(rows: Iterable[WorkloadRow], names: Iterable[str]) -> Iterable[WorkloadRow]:
    known = list(rows)
    for name in names:
        meant = [
            each for each in known if is_meant(each.workload, each.namespace, name)
        ]
        if not meant:
            others = ", ".join(f"{each.workload}.{each.namespace}" for each in known)
            raise NoTrafficError(
                f"nobody called {name!r} in this window, but: {others or 'nobody'}"
            )
        yield from meant


def strange(name: str, known: Iterable[str]) -> NoTrafficError:
    """Return what to say of a ``name`` that is none of those that are ``known``."""
    others = ", ".join(sorted(set(known))) or "nobody"
    return NoTrafficError(
        f"nothing is known of {name!r} in this window, but of: {others}"
    )


def is_meant(workload: str, home: str, name: str = "", namespace: str = "") -> bool:
    """Tell whether a workload is the one that is named, if any is."""
    named = name in ("", workload, f"{workload}.{home}")
    return named and namespace in ("", home)


def share(part: float | None) -> str:
    """Return a share as percent."""
    return NOTHING if part is None else f"{part * 100:.2f}%"


def latency(volume: Volume, name: str) -> str:
    """Return how long requests took."""
    milliseconds = volume.latency_ms.get(name)
    return NOTHING if milliseconds is None else f"{milliseconds:.0f}ms"
