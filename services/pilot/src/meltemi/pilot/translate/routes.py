"""HTTP rules of a VirtualService, as the IR's routes.

Source: pilot/pkg/networking/core/route/route.go.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.http_match import HTTPMatchRequest
from meltemi.config.schema.http_route import (
    RedirectPortSelection,
    UnmatchedPreflights,
)
from meltemi.pilot import ir
from meltemi.pilot.translate.delegate import Rule, rules
from meltemi.pilot.translate.fault import fault
from meltemi.pilot.translate.forward import (
    DEFAULT_ATTEMPTS,
    DEFAULT_RETRY_ON,
    Destinations,
    forward,
)
from meltemi.pilot.translate.header import edits
from meltemi.pilot.translate.match import Caller, comparison, concerns, condition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.http_route import (
        CorsPolicy,
        HTTPDirectResponse,
        HTTPRedirect,
        HTTPRoute,
    )
    from meltemi.config.schema.virtual_service import VirtualService

    Delegates = Mapping[tuple[str, str], Resource[VirtualService]]

NO_DELEGATES: Final[Delegates] = MappingProxyType({})
ANY = HTTPMatchRequest()
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
        for match in rule.route.match or (ANY,):
            if concerns(match, caller, home):
                yield _route(rule, match, action, caller)


def _route(
    rule: Rule, match: HTTPMatchRequest, action: ir.Action, caller: Caller
) -> ir.Route:
    written = rule.route
    names = [name for name in (written.name, match.name) if name]
    headers = written.headers
    return ir.Route(
        name=".".join(names) or "default",
        match=condition(match, ingress=caller.ingress),
        action=action,
        request=edits(headers.request if headers else None),
        response=edits(headers.response if headers else None),
        fault=fault(written.fault) if written.fault else None,
        cors=_cors(written.cors_policy) if written.cors_policy else None,
        operation=_operation(action),
        origins=rule.origins,
    )


def _action(
    rule: HTTPRoute, caller: Caller, destinations: Destinations
) -> ir.Action | None:
    if rule.redirect:
        return _redirect(rule.redirect, caller)
    if rule.direct_response:
        return _respond(rule.direct_response)
    return forward(rule, destinations) if rule.route else None


def _redirect(redirect: HTTPRedirect, caller: Caller) -> ir.Redirect:
    port = redirect.port or 0
    if redirect.derive_port is RedirectPortSelection.FROM_REQUEST_PORT:
        port = caller.port
    if port == DEFAULT_PORTS.get(redirect.scheme or ""):
        port = 0
    return ir.Redirect(
        code=redirect.redirect_code or 301,
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
    content = body.bytes if body.bytes is not None else (body.string or "").encode()
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


def _operation(action: ir.Action) -> str:
    """Return Istio's name for the operation in traces: ``host:port/*``."""
    if not isinstance(action, ir.Forward):
        return ""
    parts = action.targets[0].cluster.split("|") if action.targets else ()
    return f"{parts[3]}:{parts[1]}/*" if parts else ""
