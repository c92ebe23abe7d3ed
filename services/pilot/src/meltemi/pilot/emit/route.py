"""Route tables, as Envoy's RouteConfiguration."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, assert_never

from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    RedirectAction,
    Route,
    RouteAction,
    VirtualHost,
    WeightedCluster,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from meltemi.kernel.varint import varint
from meltemi.pilot import ir
from meltemi.pilot.emit.filter_override import cors, fault
from meltemi.pilot.emit.header import added
from meltemi.pilot.emit.match import regex, route_match
from meltemi.pilot.emit.resilience import hash_policy, mirror, retry_policy
from meltemi.pilot.emit.wire import duration, packed, serialized

if TYPE_CHECKING:
    from collections.abc import Iterable

REDIRECT_CODES = {
    301: RedirectAction.MOVED_PERMANENTLY,
    302: RedirectAction.FOUND,
    303: RedirectAction.SEE_OTHER,
    307: RedirectAction.TEMPORARY_REDIRECT,
    308: RedirectAction.PERMANENT_REDIRECT,
}
FAULT_FILTER = "envoy.filters.http.fault"
CORS_FILTER = "envoy.filters.http.cors"


def route_table(table: ir.RouteTable) -> RouteConfiguration:
    """Return ``table`` in Envoy's words."""
    result = RouteConfiguration(
        name=table.name,
        virtual_hosts=[_virtual_host(each) for each in table.hosts],
        validate_clusters=BoolValue(value=False),
        ignore_port_in_host_matching=table.ignore_port,
    )
    if table.long_answers:
        longest = UInt32Value(value=1 << 20)
        result.max_direct_response_body_size_bytes.CopyFrom(longest)
    return result


@lru_cache(1 << 15)  # most of a mesh calls a service by the same names
def host_names(name: str, domains: tuple[str, ...]) -> bytes:
    """Return those bytes of a virtual host that say what it is called."""
    return serialized(VirtualHost(name=name, domains=domains))


def host_rest(routes: tuple[ir.Route, ...], *, count_attempts: bool) -> bytes:
    """Return all other bytes of a virtual host, which follow those."""
    return serialized(
        _virtual_host(ir.VirtualHost("", (), routes, count_attempts=count_attempts))
    )


def host_piece(names: bytes, rest: bytes) -> bytes:
    """Return a virtual host as it stands in a table.

    Args:
        names: What `host_names` returned.
        rest: What `host_rest` returned.

    """
    return b"".join((_HOST, varint(len(names) + len(rest)), names, rest))


def joined_table(name: str, hosts: Iterable[bytes]) -> bytes:
    """Return the bytes of the table that `route_table` makes of the same ``hosts``."""
    shell = serialized(route_table(ir.RouteTable(name, ())))
    first = len(serialized(RouteConfiguration(name=name)))
    return b"".join((shell[:first], *hosts, shell[first:]))


_HOST: Final = varint(RouteConfiguration.VIRTUAL_HOSTS_FIELD_NUMBER << 3 | 2)


def _virtual_host(host: ir.VirtualHost) -> VirtualHost:
    return VirtualHost(
        name=host.name,
        domains=host.domains,
        routes=[_route(each) for each in host.routes],
        require_tls=VirtualHost.ALL if host.require_tls else VirtualHost.NONE,
        include_request_attempt_count=host.count_attempts,
    )


def _route(route: ir.Route) -> Route:
    result = Route(
        name=route.name,
        stat_prefix=route.stat_prefix,
        match=route_match(route.match),
        request_headers_to_add=added(route.request),
        request_headers_to_remove=route.request.remove,
        response_headers_to_add=added(route.response),
        response_headers_to_remove=route.response.remove,
    )
    _annotate(result, route)
    match route.action:
        case ir.Forward():
            result.route.CopyFrom(_forward(route.action))
        case ir.Redirect():
            result.redirect.CopyFrom(_redirect(route.action))
        case ir.Respond(status, body):
            answer = DirectResponseAction(status=status)
            if isinstance(body, bytes):
                answer.body.inline_bytes = body
            elif body:
                answer.body.inline_string = body
            result.direct_response.CopyFrom(answer)
        case never:
            assert_never(never)
    return result


def _annotate(result: Route, route: ir.Route) -> None:
    """Add what traces, tools and the other filters want to know."""
    for origin in route.origins:
        if origin.kind == "VirtualService":
            result.metadata.filter_metadata["istio"].update({"config": origin.config})
    if route.operation:
        result.decorator.operation = route.operation
    if route.fault is not None:
        override = packed(fault(route.fault))
        result.typed_per_filter_config[FAULT_FILTER].CopyFrom(override)
    if route.cors is not None:
        override = packed(cors(route.cors))
        result.typed_per_filter_config[CORS_FILTER].CopyFrom(override)


def _forward(forward: ir.Forward) -> RouteAction:
    result = RouteAction(
        timeout=duration(forward.timeout),
        request_mirror_policies=[mirror(each) for each in forward.mirrors],
        hash_policy=[hash_policy(each) for each in forward.hash],
        prefix_rewrite=forward.prefix_rewrite,
    )
    if not forward.timeout:
        # gRPC's callers announce a deadline of their own, which is kept. Beside it
        # Envoy would not look at the timeout (router.cc, FilterUtility::finalTimeout).
        result.max_stream_duration.grpc_timeout_header_max.CopyFrom(duration(0))
    if forward.unlimited_streams:
        result.max_stream_duration.max_stream_duration.CopyFrom(duration(0))
    if forward.missing_cluster_is_500:
        result.cluster_not_found_response_code = RouteAction.INTERNAL_SERVER_ERROR
    if forward.retries is not None:
        result.retry_policy.CopyFrom(retry_policy(forward.retries))
    if forward.regex_rewrite is not None:
        pattern, substitution = forward.regex_rewrite
        result.regex_rewrite.pattern.CopyFrom(regex(pattern))
        result.regex_rewrite.substitution = substitution
    if forward.host_rewrite:
        result.host_rewrite_literal = forward.host_rewrite
    result.append_x_forwarded_host = forward.append_forwarded_host
    _send(result, forward.targets)
    return result


def _send(result: RouteAction, targets: tuple[ir.Target, ...]) -> None:
    plain = len(targets) == 1 and targets[0] == ir.Target(
        targets[0].cluster, targets[0].weight
    )
    if plain:
        result.cluster = targets[0].cluster
    else:
        result.weighted_clusters.clusters.extend(_weighted(each) for each in targets)


def _weighted(target: ir.Target) -> WeightedCluster.ClusterWeight:
    result = WeightedCluster.ClusterWeight(
        name=target.cluster,
        weight=UInt32Value(value=target.weight),
        request_headers_to_add=added(target.request),
        request_headers_to_remove=target.request.remove,
        response_headers_to_add=added(target.response),
        response_headers_to_remove=target.response.remove,
    )
    if target.host_rewrite:
        result.host_rewrite_literal = target.host_rewrite
    return result


def _redirect(redirect: ir.Redirect) -> RedirectAction:
    result = RedirectAction(
        response_code=REDIRECT_CODES[redirect.code],
        host_redirect=redirect.host,
        port_redirect=redirect.port,
    )
    if redirect.path:
        result.path_redirect = redirect.path
    if redirect.prefix:
        result.prefix_rewrite = redirect.prefix
    if redirect.scheme:
        result.scheme_redirect = redirect.scheme
    return result
