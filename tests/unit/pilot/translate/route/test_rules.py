from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meltemi.config.resource import Metadata, Resource
from meltemi.config.schema.http_route import HTTPRedirect, HTTPRoute
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.pilot import ir
from meltemi.pilot.translate.route.forward import Destinations
from meltemi.pilot.translate.route.match import Caller
from meltemi.pilot.translate.route.rules import SEMANTICS, routes
from meltemi.testkit.mesh import sidecar_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICES = """
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: reviews}
    spec:
      hosts: [reviews.default.svc.cluster.local]
      resolution: DNS
      ports: [{number: 9080, name: http, protocol: HTTP}]
    """
HOST = "reviews.default.svc.cluster.local"
V1 = "outbound|9080|v1|reviews.default.svc.cluster.local"
V2 = "outbound|9080|v2|reviews.default.svc.cluster.local"
WHOLE = "outbound|9080||reviews.default.svc.cluster.local"


def translated(
    http: str,
    *,
    caller: Caller | None = None,
    extra: str = "",
    annotations: Mapping[str, str] | None = None,
) -> tuple[ir.Route, ...]:
    scope = sidecar_scope(
        f"""{SERVICES}{extra}
    ---
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {{name: reviews, annotations: {json.dumps(annotations or {})}}}
    spec: {{hosts: [reviews], http: {http}}}
    """
    )
    (virtual,) = scope.bound("mesh")
    assert isinstance(virtual.spec, VirtualService)
    destinations = Destinations(
        scope.only_port, scope.rule, "default", "cluster.local", 9080
    )
    return routes(virtual, caller or Caller("default", 9080), destinations)


def action(http: str) -> ir.Action:
    (route,) = translated(http)
    return route.action


def forward(rule: str) -> ir.Forward:
    made = action(f"[{{route: [{{destination: {{host: reviews}}}}], {rule}}}]")
    assert isinstance(made, ir.Forward)
    return made


def test_destinations_share_requests_by_weight() -> None:
    made = action(
        """[{route: [{destination: {host: reviews, subset: v1}, weight: 90},
        {destination: {host: reviews, subset: v2}, weight: 10}]}]"""
    )
    assert isinstance(made, ir.Forward)
    assert made.targets == (ir.Target(V1, 90), ir.Target(V2, 10))


def test_a_destination_without_weight_gets_nothing_beside_others() -> None:
    made = action(
        """[{route: [{destination: {host: reviews, subset: v1}, weight: 100},
        {destination: {host: reviews, subset: v2}, weight: 0}]}]"""
    )
    assert isinstance(made, ir.Forward)
    assert [each.cluster for each in made.targets] == [V1]


def test_timeouts_are_off_unless_given() -> None:
    assert forward("name: r").timeout == 0
    assert forward("timeout: 2s").timeout == 2 * ir.SECOND


def test_requests_are_retried_twice_elsewhere_unless_told_otherwise() -> None:
    made = forward("name: r").retries
    assert made is not None
    assert made.attempts == 2
    assert "connect-failure" in made.on
    assert made.avoid_previous_hosts
    assert forward("retries: {attempts: 0}").retries is None


def test_numbers_among_retry_conditions_are_statuses() -> None:
    made = forward(
        "retries: {attempts: 3, retryOn: '503,reset', perTryTimeout: 1s, backoff: 25ms}"
    ).retries
    assert made is not None
    assert made.statuses == (503,)
    assert made.on == "reset,retriable-status-codes"
    assert made.per_try_timeout == ir.SECOND
    assert made.backoff == ir.SECOND // 40


def test_nothing_follows_a_route_that_takes_everything() -> None:
    made = translated(
        """[{name: a, match: [{uri: {exact: /x}}, {uri: {prefix: /}}],
        route: [{destination: {host: reviews}}]},
        {name: b, route: [{destination: {host: reviews}}]}]"""
    )
    assert [route.name for route in made] == ["a", "a"]
    assert made[-1].match.everything


def test_conditions_about_the_caller_are_settled_beforehand() -> None:
    http = """[{name: labels, match: [{sourceLabels: {app: front}}],
        route: [{destination: {host: reviews}}]},
        {name: namespace, match: [{sourceNamespace: shop}],
        route: [{destination: {host: reviews}}]},
        {name: port, match: [{port: 80}], route: [{destination: {host: reviews}}]},
        {name: gateway, match: [{gateways: [edge]}],
        route: [{destination: {host: reviews}}]},
        {name: rest, route: [{destination: {host: reviews}}]}]"""

    def taken(caller: Caller) -> str:
        return translated(http, caller=caller)[0].name

    assert taken(Caller("default", 9080)) == "rest"
    assert taken(Caller("default", 9080, labels={"app": "front"})) == "labels"
    assert taken(Caller("shop", 9080)) == "namespace"
    assert taken(Caller("default", 80)) == "port"
    edge = Caller("default", 9080, gateways=frozenset({"default/edge"}))
    assert taken(edge) == "gateway"


def test_headers_and_paths_are_compared_as_written() -> None:
    (route,) = translated(
        """[{match: [{uri: {prefix: /api}, ignoreUriCase: true, method: {exact: GET},
        headers: {end-user: {exact: jason}, cookie: {}},
        withoutHeaders: {debug: {exact: '1'}}, queryParams: {q: {regex: 'a+'}}}],
        route: [{destination: {host: reviews}}]}]"""
    )
    assert route.match == ir.Match(
        path=ir.PathTest(ir.StringTest(ir.Test.PREFIX, "/api", ignore_case=True)),
        headers=(
            ir.NamedTest("cookie", ir.StringTest(ir.Test.PRESENT)),
            ir.NamedTest("end-user", ir.StringTest(ir.Test.EXACT, "jason")),
            ir.NamedTest("debug", ir.StringTest(ir.Test.EXACT, "1"), invert=True),
            ir.NamedTest(":method", ir.StringTest(ir.Test.EXACT, "GET")),
        ),
        query=(ir.NamedTest("q", ir.StringTest(ir.Test.REGEX, "a+")),),
    )


def test_redirects_leave_out_the_port_that_their_scheme_means() -> None:
    assert action("[{redirect: {uri: /new, scheme: https, port: 443}}]") == (
        ir.Redirect(path="/new", scheme="https")
    )
    assert action(
        "[{redirect: {authority: a.com, port: 8080, redirectCode: 302}}]"
    ) == (ir.Redirect(code=302, host="a.com", port=8080))


def test_rewrites_change_path_and_host() -> None:
    made = forward("rewrite: {uri: /v2, authority: other.com}")
    assert (made.prefix_rewrite, made.host_rewrite) == ("/v2", "other.com")
    pattern = forward(
        "rewrite: {uriRegexRewrite: {match: '^/a(.*)', rewrite: '/b\\1'}}"
    )
    assert pattern.regex_rewrite == ("^/a(.*)", "/b\\1")


def test_faults_are_shares_of_a_million() -> None:
    (route,) = translated(
        """[{fault: {delay: {fixedDelay: 3s, percentage: {value: 0.5}},
        abort: {httpStatus: 418}}, route: [{destination: {host: reviews}}]}]"""
    )
    assert route.fault == ir.Fault(
        delay=ir.Delay(3 * ir.SECOND, 5_000),
        abort=ir.Abort(1_000_000, http_status=418),
    )


def test_mirrors_copy_everything_unless_a_share_is_given() -> None:
    assert forward("mirror: {host: reviews}").mirrors == (ir.Mirror(WHOLE, 1_000_000),)
    share = "mirror: {host: reviews}, mirrorPercentage: {value: 10}"
    assert forward(share).mirrors == (ir.Mirror(WHOLE, 100_000),)
    none = "mirror: {host: reviews}, mirrorPercentage: {value: 0}"
    assert forward(none).mirrors == ()


def test_a_host_header_is_rewritten_not_set() -> None:
    (route,) = translated(
        """[{headers: {request: {set: {Host: a.com, x-b: '1'}, remove: [x-c]}},
        route: [{destination: {host: reviews}}]}]"""
    )
    assert route.request == ir.HeaderEdits(
        give=(ir.HeaderEdit("x-b", "1"),), remove=("x-c",)
    )
    assert isinstance(route.action, ir.Forward)
    assert route.action.host_rewrite == "a.com"


def test_requests_are_hashed_as_the_destinations_rule_says() -> None:
    (route,) = translated(
        "[{route: [{destination: {host: reviews, subset: v1}}]}]",
        extra="""
    ---
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: reviews}
    spec:
      host: reviews
      trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}
      subsets: [{name: v1, labels: {version: v1}}]
    """,
    )
    assert isinstance(route.action, ir.Forward)
    assert route.action.hash == (ir.HashPolicy(ir.HashOn.HEADER, "x-user"),)
    assert route.action.retries is not None
    assert not route.action.retries.avoid_previous_hosts, "the host is hashed, not free"


def test_a_route_knows_the_line_it_comes_from() -> None:
    (route,) = translated("[{route: [{destination: {host: reviews}}]}]")
    assert route.origins == (
        ir.Origin("VirtualService", "default", "reviews", "spec.http[0]"),
    )


def test_edits_of_an_only_destination_are_the_routes_own() -> None:
    (route,) = translated(
        """[{headers: {request: {add: {x-a: '1'}}}, route: [{destination: {host: reviews},
        headers: {request: {set: {x-b: '2'}, remove: [x-c]}}}]}]"""
    )
    assert route.request == ir.HeaderEdits(
        give=(ir.HeaderEdit("x-a", "1", beside=True), ir.HeaderEdit("x-b", "2")),
        remove=("x-c",),
    )
    assert isinstance(route.action, ir.Forward)
    assert route.action.targets == (ir.Target(WHOLE, 1),)


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        ("{route: [{destination: {host: reviews}}]}", f"{HOST}:9080/*"),
        (
            "{match: [{uri: {prefix: /a}}], route: [{destination: {host: reviews}}]}",
            f"{HOST}:9080/a*",
        ),
        (
            "{match: [{uri: {exact: /a}}], route: [{destination: {host: reviews}}]}",
            f"{HOST}:9080/a",
        ),
        ("{directResponse: {status: 200}}", "reviews:9080/*"),
    ],
)
def test_traces_name_the_operation_as_istio_does(rule: str, operation: str) -> None:
    (route,) = translated(f"[{rule}]")
    assert route.operation == operation


def test_a_status_that_does_not_redirect_makes_no_route() -> None:
    scope = sidecar_scope(SERVICES)
    rule = HTTPRoute(redirect=HTTPRedirect(redirect_code=317))
    virtual = Resource(
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata=Metadata(name="reviews", namespace="default"),
        spec=VirtualService(hosts=("reviews",), http=(rule,)),
    )
    destinations = Destinations(
        scope.only_port, scope.rule, "default", "cluster.local", 9080
    )
    assert routes(virtual, Caller("default", 9080), destinations) == ()


def test_what_comes_from_the_gateway_api_matches_whole_segments() -> None:
    spec = """[{match: [{uri: {prefix: /a.b}}], rewrite: {uri: /},
        route: [{destination: {host: reviews}}]}]"""
    (route,) = translated(spec, annotations={SEMANTICS: "gateway"})
    assert route.match.path is not None
    assert route.match.path.segments
    assert isinstance(route.action, ir.Forward)
    assert route.action.missing_cluster_is_500
    assert route.action.regex_rewrite == ("^/a\\.b(/?)(.*)", "/\\2")


@pytest.mark.parametrize("status", ["UNAVAILABLE", "unavailable", "14"])
def test_a_grpc_status_is_a_name_or_a_number(status: str) -> None:
    (route,) = translated(
        f"[{{fault: {{abort: {{grpcStatus: '{status}'}}}},"
        " route: [{destination: {host: reviews}}]}]"
    )
    assert route.fault == ir.Fault(abort=ir.Abort(1_000_000, grpc_status=14))
