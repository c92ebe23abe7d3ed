"""Questions that browsers ask before requests to another site: CORS preflights.

Source: source/extensions/filters/http/cors/cors_filter.cc decodeHeaders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors, CorsPolicy

from meltemi.pilot.trace.answer import Stage, Step
from meltemi.pilot.trace.resources import holds, unpacked
from meltemi.pilot.trace.route import share
from meltemi.pilot.trace.text import agrees

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
    from envoy.extensions.filters.network.http_connection_manager.v3 import (
        http_connection_manager_pb2 as hcm,
    )

    from meltemi.pilot.trace.call import Http


def preflight(
    filters: Iterable[hcm.HttpFilter], host: VirtualHost, found: Route, request: Http
) -> Step | None:
    """Return that Envoy answers a preflight itself; None for what goes on."""
    policy = next(_policies(host, found), None)
    if policy is None or not any(holds(each.typed_config, Cors) for each in filters):
        return None
    enabled = not policy.HasField("filter_enabled") or (
        share(policy.filter_enabled.default_value) > 0
    )
    origin = request.header("origin")
    asks = request.header("access-control-request-method")
    if not (enabled and origin and asks and request.method == "OPTIONS"):
        return None
    allowed = any(
        agrees(each, word)
        for each in policy.allow_origin_string_match
        for word in (origin, "*")
    )
    forwards = policy.forward_not_matching_preflights
    kept = policy.HasField("forward_not_matching_preflights") and not forwards.value
    if not allowed and not kept:
        return None
    told = "allowed" if allowed else "not allowed"
    why = f"a CORS preflight, {origin!r} is {told}: answered with 200"
    return Step(Stage.CORS, "", why)


def _policies(host: VirtualHost, found: Route) -> Iterator[CorsPolicy]:
    """Yield the policies that hold for a route, its own first."""
    for part in (found, host):
        for packed in part.typed_per_filter_config.values():
            policy = unpacked(packed, CorsPolicy)
            if policy is not None:
                yield policy
