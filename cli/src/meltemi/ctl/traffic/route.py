"""What passed each route, from what the callers' proxies logged. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from meltemi.ctl.why.hop import Hop

SERVER_FAILURE: Final = 500
GRPC_FAILURES: Final = (2, 4, 12, 13, 14, 15)
"""UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS."""
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

Answer = tuple[float, bool]
"""How long a request took, in milliseconds, and whether it failed."""


class RouteRow(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one proxy over one route to one service."""

    route: str
    """Its name in the VirtualService; ``default`` where none is written for it."""
    service: str
    proxy: str
    """Whose requests: the caller's, or a gateway's."""
    requests: int
    failed: int
    success: float
    rps: float
    latency_ms: dict[str, float]


def routes(
    found: Iterable[Hop], now: datetime, seconds: float, begins: Mapping[str, float]
) -> list[RouteRow]:
    """Return what passed each route in the last ``seconds``, the busiest first.

    Args:
        found: Requests; read to their end before ``begins`` is looked at.
        now: When the window ends.
        seconds: How long it is.
        begins: Since when there is anything of a proxy whose log does not reach as far
            back, in seconds since the epoch: its rates are of this time.

    """
    groups: dict[tuple[str, str, str], list[Answer]] = defaultdict(list)
    for hop in found:
        if not hop.inbound and hop.start_time and 0 <= _age(hop, now) <= seconds:
            service = hop.called or hop.authority or ""
            answer = float(hop.duration or 0), _failed(hop)
            groups[hop.route_name or "-", service, hop.proxy].append(answer)
    lasted = {proxy: max(now.timestamp() - at, 1.0) for proxy, at in begins.items()}
    rows = [
        _row(*key, each, min(lasted.get(key[2], seconds), seconds))
        for key, each in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.requests, row.route, row.proxy))


def _age(hop: Hop, now: datetime) -> float:
    return (now - datetime.fromisoformat(hop.start_time)).total_seconds()


def _row(
    route: str, service: str, proxy: str, found: Sequence[Answer], seconds: float
) -> RouteRow:
    failed = sum(each for _, each in found)
    took = sorted(each for each, _ in found)
    return RouteRow(
        route=route,
        service=service,
        proxy=proxy,
        requests=len(found),
        failed=failed,
        success=1 - failed / len(found),
        rps=len(found) / seconds,
        latency_ms={
            name: took[ceil(share * len(took)) - 1] for name, share in QUANTILES.items()
        },
    )


def _failed(hop: Hop) -> bool:
    """Tell whether the server failed, or nobody answered, as ``stat`` counts it."""
    code = hop.response_code
    return code >= SERVER_FAILURE or code == 0 or hop.grpc_status in GRPC_FAILURES
