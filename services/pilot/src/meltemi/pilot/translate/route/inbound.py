"""The one route of requests that reach a workload.

Source: pilot/pkg/networking/core/route/route.go BuildDefaultHTTPInboundRoute.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.pilot import ir
from meltemi.pilot.translate.route.forward import retries

if TYPE_CHECKING:
    from meltemi.pilot.model.service import Port
    from meltemi.pilot.scope.scope import Scope

AGAIN: Final = ir.Retries(
    attempts=2,
    on="reset-before-request",
    avoid_previous_hosts=False,
    other_host_attempts=0,
)
"""The application may close an idle connection just as it is used again."""


def inbound_route(scope: Scope, cluster: str, host: str, port: Port) -> ir.RouteTable:
    """Return the table that sends every request to ``cluster``.

    ``host`` and ``port`` are the service's, for traces.
    """
    route = ir.Route(
        name="default",
        match=ir.Match(),
        action=ir.Forward(
            targets=(ir.Target(cluster, 1),),
            timeout=0,
            retries=_retries(scope, port),
            unlimited_streams=True,
        ),
        operation=f"{host}:{port.number}/*",
    )
    only = ir.VirtualHost(
        f"inbound|http|{port.number}", ("*",), (route,), count_attempts=False
    )
    return ir.RouteTable(cluster, (only,), ignore_port=False, long_answers=False)


def _retries(scope: Scope, port: Port) -> ir.Retries | None:
    """Return Istio's retries; calls of gRPC say themselves if they can be repeated."""
    given = scope.config.document.default_inbound_http_retry_policy
    if given is not None:
        wanted = retries(given, hashed=True)
        return replace(wanted, other_host_attempts=0) if wanted else None
    return None if port.protocol.is_http2 else AGAIN
