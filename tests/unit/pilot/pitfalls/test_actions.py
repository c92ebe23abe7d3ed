"""Pitfalls 20 to 36 of Istio's meaning: what a rule does with what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy

from meltemi.pilot.trace import Problem
from meltemi.testkit.small_mesh import (
    ask,
    chains,
    cluster,
    gateway,
    managed,
    manager,
    names,
    only,
    refused,
    service,
    sidecar,
    the,
    to,
)

if TYPE_CHECKING:
    from envoy.config.route.v3.route_components_pb2 import Route, RouteAction

    from meltemi.pilot.trace import Resources

SERVICES = service("a") + service("b")
A, B = (f"outbound|80||{name}.default.svc.cluster.local" for name in "ab")
MILLION = 1_000_000
ROUTER = "envoy.filters.http.router"


def rules(http: str) -> str:
    return the("VirtualService", "a", f"hosts: [a], http: [{http}]")


def holding(http: str, more: str = "") -> Resources:
    return sidecar(SERVICES + rules(http) + more)


def route(http: str, more: str = "") -> Route:
    """Return the route that the one rule makes."""
    return only(holding(http, more), "80", "a")


def action(more: str) -> RouteAction:
    """Return what is done with requests to ``b`` when the rule says ``more``."""
    return route(to("b", more)).route


def shared(*weights: str) -> str:
    """Return a rule whose destinations, a and b, have these weights."""
    written = ", ".join(
        f"{{destination: {{host: {name}}}, {weight}}}"
        for name, weight in zip("ab", weights, strict=False)
    )
    return f"{{route: [{written}]}}"


def test_20_nothing_is_timed_that_nobody_timed_and_a_timeout_spans_all_tries() -> None:
    plain = only(sidecar(SERVICES), "80", "a").route
    for each in (plain, action("")):
        assert each.HasField("timeout"), "Envoy's own default is 15 s"
        assert each.timeout.ToNanoseconds() == 0
        assert not each.retry_policy.HasField("per_try_timeout")
    timed = action("timeout: 3s, retries: {attempts: 2, perTryTimeout: 1s}")
    assert timed.timeout.ToSeconds() == 3
    assert timed.retry_policy.per_try_timeout.ToSeconds() == 1


def test_21_everything_is_tried_twice_more_elsewhere_unless_a_rule_says_zero() -> None:
    plain = only(sidecar(SERVICES), "80", "a").route
    for each in (plain, action("")):
        again = each.retry_policy
        assert again.num_retries.value == 2
        (predicate,) = again.retry_host_predicate
        assert predicate.name == "envoy.retry_host_predicates.previous_hosts"
    assert not action("retries: {attempts: 0}").HasField("retry_policy")


def test_21_what_the_mesh_says_of_tries_holds_for_rules_that_say_nothing() -> None:
    mesh = the(
        "MeshConfig", "default", "defaultHttpRetryPolicy: {attempts: 7}", "istio-system"
    )
    assert route(to("b"), mesh).route.retry_policy.num_retries.value == 7
    own = route(to("b", "retries: {attempts: 1}"), mesh).route
    assert own.retry_policy.num_retries.value == 1


def test_22_numbers_to_retry_on_are_statuses_and_503_is_none_by_default() -> None:
    again = action("retries: {attempts: 1, retryOn: '503,gateway-error'}").retry_policy
    assert list(again.retriable_status_codes) == [503]
    assert again.retry_on == "gateway-error,retriable-status-codes"
    assert not list(action("").retry_policy.retriable_status_codes)


def test_23_zero_is_no_share_an_only_one_needs_none_and_sums_are_free() -> None:
    assert route(shared("weight: 0", "weight: 5")).route.cluster == B
    assert route(shared("weight: 7")).route.cluster == A
    assert refused(SERVICES + rules(shared("weight: 0", "weight: 0")))
    free = ask(holding(shared("weight: 1", "weight: 2")), "a/")
    assert [(each.cluster, each.weight) for each in free.targets] == [(A, 1), (B, 2)]


def test_24_headers_are_changed_by_name_in_order_and_set_replaces() -> None:
    made = route(
        to("b", "headers: {request: {set: {x-b: '1'}, add: {x-c: '2', x-a: '3'}}}")
    )
    assert [
        (each.header.key, each.append_action) for each in made.request_headers_to_add
    ] == [("x-b", 2), ("x-a", 0), ("x-c", 0)]
    split = (
        "{headers: {request: {set: {x-a: rule}}}, route: ["
        "{destination: {host: a}, weight: 1, headers: {request: {set: {x-a: target}}}}, "
        "{destination: {host: b}, weight: 1}]}"
    )
    made = route(split)
    first = made.route.weighted_clusters.clusters[0]
    assert made.request_headers_to_add[0].header.value == "rule"
    assert first.request_headers_to_add[0].header.value == "target"


def test_25_a_host_among_the_headers_is_a_rewrite_and_the_rules_own_wins() -> None:
    for spelled in ("host", ":authority", "Host"):
        made = route(to("b", f"headers: {{request: {{set: {{'{spelled}': c.com}}}}}}"))
        assert made.route.host_rewrite_literal == "c.com"
        assert not made.request_headers_to_add
    both = (
        "{headers: {request: {set: {host: rule.com}}}, route: [{destination: {host: b},"
        " headers: {request: {set: {host: target.com}}}}]}"
    )
    assert route(both).route.host_rewrite_literal == "rule.com"


@pytest.mark.parametrize(
    ("prefix", "path"), [("/foo", "//bar"), ("/foo/", "/bar"), ("/fo", "/o/bar")]
)
def test_26_a_rewrite_replaces_the_prefix_and_mends_nothing(
    prefix: str, path: str
) -> None:
    held = holding(
        to("b", f"match: [{{uri: {{prefix: {prefix}}}}}], rewrite: {{uri: /}}")
    )
    passed = ask(held, "a/foo/bar").passed
    assert passed is not None
    assert passed.path == path


def test_27_a_redirect_is_permanent_and_nothing_but_cors_goes_with_it() -> None:
    cors = "corsPolicy: {allowMethods: [GET]}"
    made = route(f"{{redirect: {{uri: /new}}, timeout: 1s, {cors}}}")
    assert made.redirect.response_code == 0, "Envoy's zero is 301"
    assert list(made.typed_per_filter_config) == ["envoy.filters.http.cors"]
    said = route(
        f"{{directResponse: {{status: 418}}, retries: {{attempts: 1}}, {cors}}}"
    )
    assert said.direct_response.status == 418
    assert list(said.typed_per_filter_config) == ["envoy.filters.http.cors"]
    fault = "fault: {abort: {httpStatus: 503, percentage: {value: 1}}}"
    assert "fault" in refused(rules(f"{{redirect: {{uri: /new}}, {fault}}}"))


def test_28_a_server_that_redirects_does_so_for_every_host_it_has() -> None:
    edge = the(
        "Gateway",
        "edge",
        "selector: {istio: ingressgateway}, servers: [{hosts: [a.com, b.com], "
        "port: {number: 8080, name: http, protocol: HTTP}, tls: {httpsRedirect: true}}]",
    )
    bound = the(
        "VirtualService", "a", f"hosts: [a.com], gateways: [edge], http: [{to('a')}]"
    )
    for text in (edge, edge + SERVICES + bound):
        held = gateway(text)
        for name in ("a.com", "b.com"):
            answer = ask(held, f"{name}:8080/")
            assert answer.problem is Problem.TLS_REDIRECT, name


def test_29_a_mirror_gets_everything_unless_a_share_is_given_and_zero_is_off() -> None:
    for share, part in (("", MILLION), (", mirrorPercentage: {value: 10}", 100_000)):
        (mirror,) = action(f"mirror: {{host: a}}{share}").request_mirror_policies
        assert mirror.cluster == A
        assert mirror.runtime_fraction.default_value.numerator == part
    off = action("mirror: {host: a}, mirrorPercentage: {value: 0}")
    assert not off.request_mirror_policies


def test_29_a_mirrored_request_is_for_the_same_host() -> None:
    (mirror,) = action("mirror: {host: a}").request_mirror_policies
    assert mirror.disable_shadow_host_suffix_append


def test_30_faults_are_injected_by_the_caller_before_any_try() -> None:
    fault = "fault: {abort: {httpStatus: 503, percentage: {value: 100}}}"
    text = SERVICES + rules(
        to("b", f"{fault}, retries: {{attempts: 5, retryOn: '503'}}")
    )
    caller, callee = sidecar(text), sidecar(text, address="10.0.1.1")
    assert ask(caller, "a/").problem is Problem.ABORTED
    (chain, *_) = chains(caller, "0.0.0.0_80")
    filters = [each.name for each in manager(chain).http_filters]
    assert filters.index("envoy.filters.http.fault") < filters.index(ROUTER)
    arriving = [each for each in chains(callee, "virtualInbound") if managed(each)]
    assert arriving
    for each in arriving:
        for place in manager(each).route_config.virtual_hosts:
            assert not any(found.typed_per_filter_config for found in place.routes)


def test_31_a_star_allows_every_origin_and_other_preflights_go_upstream() -> None:
    def cors(written: str) -> CorsPolicy:
        found = CorsPolicy()
        made = route(to("b", f"corsPolicy: {{{written}}}"))
        made.typed_per_filter_config["envoy.filters.http.cors"].Unpack(found)
        return found

    exact = cors("allowOrigins: [{exact: '*'}]")
    assert exact.allow_origin_string_match[0].exact == "*", "Envoy takes it for all"
    assert cors("allowOrigin: ['*']").allow_origin_string_match[0].safe_regex.regex
    assert exact.forward_not_matching_preflights.value
    ignored = cors("unmatchedPreflights: IGNORE, allowOrigins: [{exact: a}]")
    assert ignored.HasField("forward_not_matching_preflights")
    assert not ignored.forward_not_matching_preflights.value


def test_32_a_hash_needs_a_ring_and_a_policy_on_the_route() -> None:
    hashed = the(
        "DestinationRule",
        "b",
        "host: b, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-a}}}",
    )
    held = holding(shared("weight: 1", "weight: 1"), hashed)
    assert cluster(held, "b").lb_policy == Cluster.RING_HASH
    assert cluster(held, "a").lb_policy != Cluster.RING_HASH
    for name in "ab":
        (policy,) = only(held, "80", name).route.hash_policy
        assert policy.header.header_name == "x-a"
    assert not only(sidecar(SERVICES), "80", "b").route.hash_policy


def test_32_with_weights_each_destinations_hash_counts_and_retries_go_elsewhere() -> (
    None
):
    hashed = "".join(
        the(
            "DestinationRule",
            name,
            f"host: {name}, trafficPolicy: {{loadBalancer: {{consistentHash: "
            f"{{httpHeaderName: x-{name}}}}}}}",
        )
        for name in "ab"
    )
    made = route(shared("weight: 1", "weight: 1"), hashed).route
    assert [each.header.header_name for each in made.hash_policy] == ["x-a", "x-b"]
    assert made.retry_policy.retry_host_predicate
    alone = route(to("b"), hashed).route
    assert not alone.retry_policy.retry_host_predicate, "its host is its host"


@pytest.mark.parametrize(("ttl", "made"), [("", False), (", ttl: 0s", True)])
def test_33_a_cookie_is_made_when_its_lifetime_is_given_even_zero(
    ttl: str, *, made: bool
) -> None:
    hashed = the(
        "DestinationRule",
        "b",
        "host: b, trafficPolicy: {loadBalancer: {consistentHash: "
        f"{{httpCookie: {{name: user{ttl}}}}}}}}}",
    )
    (policy,) = only(sidecar(SERVICES + hashed), "80", "b").route.hash_policy
    assert policy.cookie.HasField("ttl") is made


def test_34_a_subset_that_no_rule_has_is_a_cluster_that_nobody_has() -> None:
    http = "{route: [{destination: {host: b, subset: v1}}]}"
    assert ask(holding(http), "a/").problem is Problem.NO_CLUSTER
    rule = the(
        "DestinationRule", "b", "host: b, subsets: [{name: v1, labels: {version: v1}}]"
    )
    assert names(ask(holding(http, rule), "a/")) == [B.replace("||", "|v1|")]


def test_35_a_short_name_is_one_of_the_namespace_of_the_rule() -> None:
    mesh = (
        service("a")
        + service("b", namespace="other")
        + service("b", namespace="third")
        + service("b")
        + the(
            "VirtualService",
            "a",
            f"hosts: [a.default.svc.cluster.local], http: [{to('b')}]",
            "other",
        )
    )
    held = sidecar(mesh, namespace="third")
    assert names(ask(held, "a.default/")) == ["outbound|80||b.other.svc.cluster.local"]


def test_36_without_a_port_the_destination_is_called_on_the_port_listened_on() -> None:
    many = service("a") + service("b", "81 one HTTP", "82 two HTTP") + rules(to("b"))
    assert route_of(many).cluster == B, "though the service has no port 80"
    single = service("a") + service("b", "81 one HTTP") + rules(to("b"))
    assert route_of(single).cluster == B.replace("|80|", "|81|")


def route_of(text: str) -> RouteAction:
    return only(sidecar(text), "80", "a").route
