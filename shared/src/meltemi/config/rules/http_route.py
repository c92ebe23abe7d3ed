"""What must hold for an HTTP route of a VirtualService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.hosts import check_host, check_port, is_address
from meltemi.config.rules.http_action import (
    check_fault,
    check_headers,
    check_percent,
    check_redirect,
    check_retries,
)
from meltemi.config.rules.problem import problem
from meltemi.config.rules.regex import check_regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.config.schema.http_match import HTTPMatchRequest
    from meltemi.config.schema.http_route import Destination, HTTPRoute
    from meltemi.config.schema.string_match import StringMatch

PERCENT: Final = 100
CODES: Final = range(200, 600)


def check_http_route(
    path: str, route: HTTPRoute, *, delegate: bool
) -> Iterator[Finding]:
    """Yield what Istio's validateHTTPRoute refuses, of a ``delegate`` or not."""
    yield from _check_action(path, route, delegate=delegate)
    for index, match in enumerate(route.match):
        yield from _check_match(f"{path}.match[{index}]", match)
    yield from _check_destinations(path, route)
    yield from _check_mirrors(path, route)
    yield from _check_rewrite(path, route)
    yield from check_headers(f"{path}.headers", route.headers)
    yield from check_duration(f"{path}.timeout", route.timeout, zero=True)
    yield from check_retries(f"{path}.retries", route.retries)
    yield from check_fault(f"{path}.fault", route.fault)
    yield from check_redirect(f"{path}.redirect", route.redirect)
    if route.cors_policy is not None:
        cors = route.cors_policy
        yield from check_duration(f"{path}.corsPolicy.maxAge", cors.max_age, zero=True)
        for index, origin in enumerate(cors.allow_origins):
            here = f"{path}.corsPolicy.allowOrigins[{index}]"
            yield from _check_string(here, origin)


def check_destination(path: str, destination: Destination) -> Iterator[Finding]:
    """Yield what is wrong with the place requests go to."""
    if destination.host == "*":
        yield problem(f"{path}.host", "may not be '*'", "name the service")
    elif not is_address(destination.host):
        yield from check_host(f"{path}.host", destination.host)
    if destination.port is not None:
        number = destination.port.number
        yield from check_port(f"{path}.port.number", 0 if number is None else number)


def _check_action(path: str, route: HTTPRoute, *, delegate: bool) -> Iterator[Finding]:
    actions = {
        "route": bool(route.route),
        "redirect": route.redirect is not None,
        "directResponse": route.direct_response is not None,
        "delegate": route.delegate is not None,
    }
    given = [name for name, present in actions.items() if present]
    if not given:
        hint = "add route, redirect or directResponse"
        yield problem(path, "the rule does nothing with what it matches", hint)
    if len(given) > 1:
        yield problem(path, f"only one may be set: {' and '.join(given)}")
    if delegate and route.delegate is not None:
        yield problem(f"{path}.delegate", "a delegate may not delegate again")
    if route.redirect is not None and (route.rewrite or route.fault):
        other = "rewrite" if route.rewrite else "fault"
        yield problem(f"{path}.{other}", "has no meaning with redirect", "remove it")
    if route.delegate is not None and route.fault is not None:
        yield problem(f"{path}.fault", "has no meaning with delegate", "remove it")
    response = route.direct_response
    if response is not None and response.status not in CODES:
        message = f"must be from 200 to 599, got {response.status}"
        yield problem(f"{path}.directResponse.status", message)


def _check_match(path: str, match: HTTPMatchRequest) -> Iterator[Finding]:
    for name, string in (
        ("uri", match.uri),
        ("scheme", match.scheme),
        ("method", match.method),
        ("authority", match.authority),
    ):
        if string is not None:
            yield from _check_string(f"{path}.{name}", string)
    yield from _check_strings(f"{path}.headers", match.headers)
    yield from _check_strings(f"{path}.withoutHeaders", match.without_headers)
    yield from _check_strings(f"{path}.queryParams", match.query_params)
    for name in (*match.headers, *match.without_headers):
        if not name:
            yield problem(f"{path}.headers", "a header's name must not be empty")
    yield from check_port(f"{path}.port", match.port)


def _check_strings(path: str, by_name: Mapping[str, StringMatch]) -> Iterator[Finding]:
    for name, match in by_name.items():
        yield from _check_string(f'{path}["{name}"]', match)


def _check_string(path: str, match: StringMatch) -> Iterator[Finding]:
    if match.regex is not None and match.regex != "*":  # Istio: "*" is "present"
        yield from check_regex(f"{path}.regex", match.regex)


def _check_destinations(path: str, route: HTTPRoute) -> Iterator[Finding]:
    total = 0
    for index, each in enumerate(route.route):
        here = f"{path}.route[{index}]"
        yield from check_destination(f"{here}.destination", each.destination)
        yield from check_headers(f"{here}.headers", each.headers)
        weight = each.weight or 0
        if weight < 0:
            yield problem(f"{here}.weight", f"must not be negative, got {weight}")
        total += max(weight, 0)
    if len(route.route) > 1 and total == 0:
        yield problem(f"{path}.route", "the weights add up to 0", "give one a weight")


def _check_mirrors(path: str, route: HTTPRoute) -> Iterator[Finding]:
    if route.mirror is not None:
        yield from check_destination(f"{path}.mirror", route.mirror)
        if route.mirrors:
            yield problem(f"{path}.mirrors", "excludes mirror", "use mirrors alone")
    if route.mirror_percent is not None and route.mirror_percent > PERCENT:
        message = f"must be from 0 to {PERCENT}, got {route.mirror_percent}"
        yield problem(f"{path}.mirrorPercent", message)
    yield from check_percent(f"{path}.mirrorPercentage", route.mirror_percentage)
    for index, mirror in enumerate(route.mirrors):
        here = f"{path}.mirrors[{index}]"
        yield from check_destination(f"{here}.destination", mirror.destination)
        yield from check_percent(f"{here}.percentage", mirror.percentage)


def _check_rewrite(path: str, route: HTTPRoute) -> Iterator[Finding]:
    rewrite = route.rewrite
    if rewrite is None:
        return
    here = f"{path}.rewrite"
    regex = rewrite.uri_regex_rewrite
    if regex is not None and rewrite.uri:
        yield problem(f"{here}.uriRegexRewrite", "excludes uri", "use one of them")
    if regex is not None:
        if not regex.match:
            yield problem(f"{here}.uriRegexRewrite.match", "a regex is required")
        yield from check_regex(f"{here}.uriRegexRewrite.match", regex.match or "")
    if not (rewrite.uri or rewrite.authority or regex):
        yield problem(here, "one of uri, authority and uriRegexRewrite is required")
    changes = route.headers.request if route.headers else None
    named = {*changes.set, *changes.add} if changes else set[str]()
    if rewrite.authority and {":authority", "Host", "host"} & named:
        message = "rewrite.authority and a request header change the same"
        yield problem(f"{here}.authority", message, "use one of them")
