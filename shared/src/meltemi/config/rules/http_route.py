"""What must hold for an HTTP route of a VirtualService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.durations import check_duration
from meltemi.config.rules.header import AUTHORITY, check_headers, check_match_name
from meltemi.config.rules.hosts import LABEL, check_host, check_port, is_fqdn
from meltemi.config.rules.http_action import (
    check_cors,
    check_fault,
    check_percent,
    check_redirect,
    check_response,
    check_retries,
)
from meltemi.config.rules.labels import check_label_set, check_subset_name
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.regex import check_regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.finding import Finding
    from meltemi.config.schema.http_match import HTTPMatchRequest
    from meltemi.config.schema.http_route import Destination, HTTPRoute
    from meltemi.config.schema.string_match import StringMatch

PERCENT: Final = 100


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
    yield from _check_authority(path, route)
    yield from check_headers(f"{path}.headers", route.headers)
    yield from check_duration(f"{path}.timeout", route.timeout)
    yield from check_retries(f"{path}.retries", route.retries)
    yield from check_fault(f"{path}.fault", route.fault)
    yield from check_redirect(f"{path}.redirect", route.redirect)
    yield from check_response(f"{path}.directResponse", route.direct_response)
    yield from check_cors(f"{path}.corsPolicy", route.cors_policy)


def check_destination(path: str, destination: Destination) -> Iterator[Finding]:
    """Yield what is wrong with the place requests go to."""
    if destination.host == "*":
        yield problem(f"{path}.host", "may not be '*'", "name the service")
    else:
        yield from check_host(f"{path}.host", destination.host)
    if destination.subset:
        yield from check_subset_name(f"{path}.subset", destination.subset)
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


def _check_match(path: str, match: HTTPMatchRequest) -> Iterator[Finding]:
    if match.uri is not None and match.uri.regex is not None:
        yield from check_regex(f"{path}.uri.regex", match.uri.regex)
    for name, string in (
        ("scheme", match.scheme),
        ("method", match.method),
        ("authority", match.authority),
    ):
        if string is not None:
            yield from _check_string(f"{path}.{name}", string)
    yield from _check_strings(f"{path}.headers", match.headers)
    yield from _check_strings(f"{path}.withoutHeaders", match.without_headers)
    for name in match.headers:
        yield from check_match_name(f"{path}.headers", name)
    for name in match.without_headers:
        yield from check_match_name(f"{path}.withoutHeaders", name)
    for name, query in match.query_params.items():
        if query.regex is not None:
            here = f'{path}.queryParams["{name}"].regex'
            yield from check_regex(here, query.regex)
    yield from check_port(f"{path}.port", match.port or None)
    yield from check_label_set(f"{path}.sourceLabels", match.source_labels)
    yield from check_gateways(f"{path}.gateways", match.gateways)
    yield from check_namespace(f"{path}.sourceNamespace", match.source_namespace)


def check_gateways(path: str, gateways: tuple[str, ...]) -> Iterator[Finding]:
    """Yield what is wrong with the names of gateways at ``path``."""
    hint = "write NAME, NAMESPACE/NAME or mesh"
    for index, gateway in enumerate(gateways):
        here = f"{path}[{index}]"
        namespace, slash, name = gateway.partition("/")
        labels = (namespace, name) if slash else ()
        if not all(LABEL.fullmatch(label) for label in labels) or not (
            slash or is_fqdn(gateway)
        ):
            yield problem(here, f"{gateway!r} is not a gateway's name", hint)
        elif not slash and "." in gateway:
            name, namespace = gateway.split(".")[:2]
            yield warning(here, "is an old form", f"write {namespace}/{name}")


def check_namespace(path: str, namespace: str | None) -> Iterator[Finding]:
    """Yield a finding unless ``namespace`` is absent or can be one."""
    if namespace and not LABEL.fullmatch(namespace):
        yield problem(path, f"{namespace!r} is not a namespace")


def _check_strings(path: str, by_name: Mapping[str, StringMatch]) -> Iterator[Finding]:
    for name, match in by_name.items():
        yield from _check_string(f'{path}["{name}"]', match)


def _check_string(path: str, match: StringMatch) -> Iterator[Finding]:
    if match.prefix == "":
        yield problem(f"{path}.prefix", "must not be empty", "leave the match empty")
    if match.regex is not None:
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
    if route.mirror_percent is not None:
        hint = "write mirrorPercentage"
        yield warning(f"{path}.mirrorPercent", "is deprecated", hint)
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
        if not regex.rewrite:
            yield problem(f"{here}.uriRegexRewrite.rewrite", "a rewrite is required")
        yield from check_regex(f"{here}.uriRegexRewrite.match", regex.match or "")
    if not (rewrite.uri or rewrite.authority or regex):
        yield problem(here, "one of uri, authority and uriRegexRewrite is required")


def _check_authority(path: str, route: HTTPRoute) -> Iterator[Finding]:
    changes = route.headers.request if route.headers else None
    named = [*changes.set, *changes.add] if changes else []
    changed = [name for name in named if name.lower() in AUTHORITY]
    rewritten = route.rewrite is not None and bool(route.rewrite.authority)
    if rewritten and changed:
        message = "rewrite.authority and a request header change the same"
        yield problem(f"{path}.rewrite.authority", message, "use one of them")
    elif len(changed) > 1:
        message = f"{' and '.join(changed)} change the same"
        yield problem(f"{path}.headers.request", message, "use one of them")
