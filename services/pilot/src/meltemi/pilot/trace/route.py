"""Which route of a virtual host takes a request: the first whose conditions hold.

Source: envoy/config/route/v3/route_components.proto RouteMatch;
source/common/router/config_impl.cc RouteEntryImplBase::matchRoute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from envoy.extensions.path.match.uri_template.v3.uri_template_match_pb2 import (
    UriTemplateMatchConfig,
)
from envoy.type.v3.percent_pb2 import FractionalPercent

from meltemi.pilot.trace.header import found_words, header_agrees, header_words
from meltemi.pilot.trace.path import split, template
from meltemi.pilot.trace.resources import unpacked
from meltemi.pilot.trace.text import agrees, matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envoy.config.route.v3.route_components_pb2 import (
        QueryParameterMatcher,
        Route,
        RouteMatch,
        VirtualHost,
    )

    from meltemi.pilot.trace.call import Call, Http

WHOLE = {
    FractionalPercent.HUNDRED: 100,
    FractionalPercent.TEN_THOUSAND: 10_000,
    FractionalPercent.MILLION: 1_000_000,
}


def route(host: VirtualHost, call: Call, request: Http) -> tuple[Route | None, str]:
    """Return the route for a request, and what it and those before it compared."""
    passed: list[str] = []
    for at, each in enumerate(host.routes):
        conditions = list(_conditions(each.match, call, request))
        failed = next((words for holds, words in conditions if not holds), None)
        if failed is None:
            held = ", ".join(words for _, words in conditions)
            return each, "; ".join([*passed, f"{_called(each, at)}: {held}"])
        passed.append(f"not {_called(each, at)}: {failed}")
    return None, "; ".join(passed) or "there are no routes"


def _called(each: Route, at: int) -> str:
    return each.name or f"#{at}"


def _conditions(
    match: RouteMatch, call: Call, request: Http
) -> Iterator[tuple[bool, str]]:
    yield _path(match, request)
    if match.HasField("grpc"):
        kind = request.header("content-type") or ""
        yield kind.partition("+")[0] == "application/grpc", "the request is gRPC"
    for header in match.headers:
        values = request.values(header.name)
        words = f"{header_words(header)} ({found_words(values)})"
        yield header_agrees(header, values), words
    parameters = _query(request.path)
    for parameter in match.query_parameters:
        value = parameters.get(parameter.name)
        yield _parameter(parameter, value), f"parameter {parameter.name} is {value!r}"
    if match.HasField("runtime_fraction"):
        part = share(match.runtime_fraction.default_value)
        yield call.chance < part, f"it is among {part:.2%} of the requests"
    if match.HasField("tls_context"):
        presented = bool(call.tls and call.tls.certificate)
        wanted = match.tls_context
        yield (
            (not wanted.HasField("presented") or wanted.presented.value == presented),
            "a client certificate is presented",
        )


def share(percent: FractionalPercent) -> float:
    """Return a part of all requests as a number from 0 to 1."""
    return percent.numerator / WHOLE[percent.denominator]


def _path(match: RouteMatch, request: Http) -> tuple[bool, str]:
    kind = match.WhichOneof("path_specifier")
    connects = request.method == "CONNECT"
    if kind == "connect_matcher" or connects:
        return connects and kind == "connect_matcher", f"method {request.method}"
    path, _ = split(request.path)
    exactly = not match.HasField("case_sensitive") or match.case_sensitive.value
    folded = str if exactly else str.lower
    has = folded(path)
    match kind:
        case "prefix":
            wanted = folded(match.prefix)
            return has.startswith(wanted), f"{path} begins with {match.prefix}"
        case "path":
            return has == folded(match.path), f"{path} is {match.path}"
        case "path_separated_prefix":
            wanted = folded(match.path_separated_prefix)
            held = has == wanted or has.startswith(f"{wanted}/")
            return held, f"{path} is in {match.path_separated_prefix}"
        case "safe_regex":
            pattern = match.safe_regex.regex
            return matches(pattern, path), f"{path} is of the pattern {pattern!r}"
        case _:
            return _policy(match, path)


def _policy(match: RouteMatch, path: str) -> tuple[bool, str]:
    policy = unpacked(match.path_match_policy.typed_config, UriTemplateMatchConfig)
    if policy is None:
        return False, f"{match.path_match_policy.name} is not known"
    pattern = policy.path_template
    held = template(pattern).fullmatch(path) is not None
    return held, f"{path} is of the template {pattern}"


def _query(path: str) -> dict[str, str]:
    """Return the parameters; of several with one name the first counts."""
    found: dict[str, str] = {}
    for pair in split(path)[1].split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name), unquote(value))
    return found


def _parameter(matcher: QueryParameterMatcher, value: str | None) -> bool:
    if value is None:
        kind = matcher.WhichOneof("query_parameter_match_specifier")
        return kind == "present_match" and not matcher.present_match
    match matcher.WhichOneof("query_parameter_match_specifier"):
        case "string_match":
            return agrees(matcher.string_match, value)
        case "present_match":
            return matcher.present_match
        case _:
            return True
