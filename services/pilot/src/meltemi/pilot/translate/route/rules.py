"""HTTP rules of a VirtualService, as the IR's routes.

Source: pilot/pkg/networking/core/route/route.go.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.http_route import (
    RedirectPortSelection,
    UnmatchedPreflights,
)
from meltemi.pilot import ir
from meltemi.pilot.translate.route.delegate import rules
from meltemi.pilot.translate.route.fault import fault
from meltemi.pilot.translate.route.forward import (
    DEFAULT_ATTEMPTS,
    DEFAULT_RETRY_ON,
    Destinations,
    forward,
)
from meltemi.pilot.translate.route.header import edits
from meltemi.pilot.translate.route.match import (
    Caller,
    comparison,
    concerns,
    condition,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.http_match import HTTPMatchRequest
    from meltemi.config.schema.http_route import (
        CorsPolicy,
        Headers,
        HTTPDirectResponse,
        HTTPRedirect,
        HTTPRoute,
    )
    from meltemi.config.schema.virtual_service import VirtualService

    Delegates = Mapping[tuple[str, str], Resource[VirtualService]]

NO_DELEGATES: Final[Delegates] = MappingProxyType({})
SEMANTICS = "internal.istio.io/route-semantics"
"""Annotation of objects made from another API, which says how that one matches."""
GATEWAY_API = "gateway"
SEPARATING = (GATEWAY_API, "ingress")
"""Semantics whose prefixes end at a slash."""
REDIRECTS = (301, 302, 303, 307, 308)
DEFAULT_PORTS = {"http": 80, "https": 443}


def routes(
    virtual: Resource[VirtualService],
    caller: Caller,
    destinations: Destinations,
    delegates: Delegates = NO_DELEGATES,
) -> tuple[ir.Route, ...]:
    """Return the routes that ``virtual`` gives to requests of ``caller``, in order.

    ``delegates`` are the VirtualServices without hosts, by namespace and name.
    Nothing can match behind a route that takes everything, so it ends the list.
    """
    found: list[ir.Route] = []
    for route in _all(virtual, caller, destinations, delegates):
        found.append(route)
        if route.match.everything:
            break
    return tuple(found)


def default_route(cluster: str, operation: str, origin: ir.Origin) -> ir.Route:
    """Return "everything goes to the service itself", with Istio's retries."""
    return ir.Route(
        name="default",
        match=ir.Match(),
        action=ir.Forward(
            targets=(ir.Target(cluster, 1),),
            retries=ir.Retries(DEFAULT_ATTEMPTS, DEFAULT_RETRY_ON),
        ),
        operation=operation,
        origins=(origin,),
    )


def _all(
    virtual: Resource[VirtualService],
    caller: Caller,
    destinations: Destinations,
    delegates: Delegates,
) -> Iterator[ir.Route]:
    home = virtual.metadata.namespace
    for rule in rules(virtual, delegates, destinations.domain_suffix):
        targets = replace(destinations, namespace=rule.namespace)
        action = _action(rule.route, caller, targets)
        if action is None:
            continue
        for match in rule.route.match or (None,):
            if match is None or concerns(match, caller, home):
                made = _route(rule.route, match, action, virtual, caller)
                yield replace(made, origins=rule.origins)


def _route(
    rule: HTTPRoute,
    match: HTTPMatchRequest | None,
    action: ir.Action,
    virtual: Resource[VirtualService],
    caller: Caller,
) -> ir.Route:
    semantics = virtual.metadata.annotations.get(SEMANTICS, "")
    tested = condition(match, segments=semantics in SEPARATING) if match else ir.Match()
    if isinstance(action, ir.Forward):
        action = replace(
            _whole_segments(action, tested),
            missing_cluster_is_500=semantics == GATEWAY_API,
            append_forwarded_host=caller.forwarded_host and _rewrites(action),
        )
    headers, own = rule.headers, _only_destination(rule)
    return ir.Route(
        name=_name(rule, match),
        match=tested,
        action=action,
        request=edits(headers.request if headers else None)
        + edits(own.request if own else None),
        response=edits(headers.response if headers else None)
        + edits(own.response if own else None),
        fault=fault(rule.fault) if rule.fault else None,
        cors=_cors(rule.cors_policy) if rule.cors_policy else None,
        operation=_operation(action, tested, f"{virtual.metadata.name}:{caller.port}"),
        stat_prefix=(match.stat_prefix or "") if match else "",
    )


def _whole_segments(action: ir.Forward, match: ir.Match) -> ir.Forward:
    """Return ``action``, for a prefix of whole segments that is rewritten to ``/``.

    Envoy would turn ``/prefix/rest`` into ``//rest``.
    """
    if not match.path or not match.path.segments or action.prefix_rewrite != "/":
        return action
    if match.path.string.test is not ir.Test.PREFIX:
        return action
    prefix = quoted(match.path.string.value)
    pattern = (f"^{prefix}(/?)(.*)", r"/\2")
    return replace(action, prefix_rewrite="", regex_rewrite=pattern)


def _rewrites(action: ir.Forward) -> bool:
    return bool(action.host_rewrite or action.prefix_rewrite or action.regex_rewrite)


def _name(rule: HTTPRoute, match: HTTPMatchRequest | None) -> str:
    """Return ``ROUTE.MATCH``: with a match's name the dot stands in any case."""
    name = rule.name or ""
    return f"{name}.{match.name}" if match and match.name else name


def _only_destination(rule: HTTPRoute) -> Headers | None:
    """Return the edits of the one destination: they are then the route's own."""
    return rule.route[0].headers if len(rule.route) == 1 else None


def _action(
    rule: HTTPRoute, caller: Caller, destinations: Destinations
) -> ir.Action | None:
    if rule.redirect:
        return _redirect(rule.redirect, caller)
    if rule.direct_response:
        return _respond(rule.direct_response)
    return forward(rule, destinations) if rule.route else None


def _redirect(redirect: HTTPRedirect, caller: Caller) -> ir.Redirect | None:
    """Return the redirect; None for a status that does not redirect."""
    code = redirect.redirect_code or 301
    if code not in REDIRECTS:
        return None
    port = redirect.port or 0
    if redirect.derive_port is RedirectPortSelection.FROM_REQUEST_PORT:
        port = caller.port
    if port == DEFAULT_PORTS.get(redirect.scheme or ""):
        port = 0
    return ir.Redirect(
        code=code,
        path=redirect.uri or "",
        prefix=redirect.prefix_rewrite or "",
        host=redirect.authority or "",
        scheme=redirect.scheme or "",
        port=port,
    )


def _respond(response: HTTPDirectResponse) -> ir.Respond:
    body = response.body
    if body is None:
        return ir.Respond(response.status)
    content = body.bytes if body.bytes is not None else body.string or ""
    return ir.Respond(response.status, content)


def _cors(policy: CorsPolicy) -> ir.Cors:
    exact = tuple(
        ir.StringTest(ir.Test.REGEX, ".*")
        if origin == "*"
        else ir.StringTest(ir.Test.EXACT, origin)
        for origin in policy.allow_origin
    )
    ignore = policy.unmatched_preflights is UnmatchedPreflights.IGNORE
    return ir.Cors(
        origins=tuple(comparison(each) for each in policy.allow_origins) or exact,
        methods=policy.allow_methods,
        headers=policy.allow_headers,
        expose=policy.expose_headers,
        max_age=int(policy.max_age.seconds) if policy.max_age else None,
        credentials=policy.allow_credentials,
        forward_unmatched_preflights=not ignore,
    )


def _operation(action: ir.Action, match: ir.Match, several: str) -> str:
    """Return Istio's name for the operation in traces: ``HOST:PORT/PATH*``.

    Where requests do not go to one cluster, ``several`` stands for host and port.
    """
    place = several
    if isinstance(action, ir.Forward) and len(action.targets) == 1:
        _, port, _, host = action.targets[0].cluster.split("|")
        place = f"{host}:{port}"
    if match.path is None:
        return f"{place}/*"
    if match.path.segments and match.path.string.value != "/":
        return f"{place}/*"
    string = match.path.string
    star = "*" if string.test is ir.Test.PREFIX else ""
    return f"{place}{string.value}{star}"
