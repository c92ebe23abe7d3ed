"""A request as a route passes it on: path, host and headers that are its own words.

Source: envoy/config/route/v3/route_components.proto, RouteAction and Route.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import re2
from envoy.config.core.v3.base_pb2 import HeaderValueOption

from meltemi.pilot.trace.path import split

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import Route, RouteMatch

    from meltemi.pilot.trace.call import Http

WRITTEN = (
    HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    HeaderValueOption.OVERWRITE_IF_EXISTS,
)


def passed_on(found: Route, request: Http) -> Http:
    """Return ``request`` as the route's cluster is sent it.

    Headers with values that Envoy fills in (``%…%``) stay as they are written.
    """
    action = found.route
    path, query = split(request.path)
    if action.prefix_rewrite:
        path = action.prefix_rewrite + path[_matched(found.match, path) :]
    elif action.HasField("regex_rewrite"):
        rule = action.regex_rewrite
        path = re2.sub(rule.pattern.regex, rule.substitution, path)
    return replace(
        request,
        path=f"{path}?{query}" if query else path,
        host=action.host_rewrite_literal or request.host,
        headers=_headers(found, request),
    )


def _matched(match: RouteMatch, path: str) -> int:
    """Return how much of the path the route's match took."""
    kind = match.WhichOneof("path_specifier")
    if kind == "path":
        return len(path)
    return len(match.prefix or match.path_separated_prefix)


def _headers(found: Route, request: Http) -> tuple[tuple[str, str], ...]:
    gone = {each.lower() for each in found.request_headers_to_remove}
    added = [
        (each.header.key, each.header.value) for each in found.request_headers_to_add
    ]
    gone |= {
        each.header.key.lower()
        for each in found.request_headers_to_add
        if each.append_action in WRITTEN
    }
    kept = [(name, text) for name, text in request.headers if name.lower() not in gone]
    return (*kept, *added)
