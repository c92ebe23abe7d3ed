from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace import (
    Call,
    Http,
    Problem,
    Tls,
    resources,
    trace,
)
from meltemi.testkit.held import (
    CALL,
    chain,
    cluster,
    ends,
    held,
    http,
    listener,
    table,
    to,
    web,
)


@pytest.mark.parametrize(
    ("call", "settings"),
    [
        (replace(CALL, http=None), {}),
        (replace(CALL, tls=Tls()), {}),
        (CALL, {"codec_type": "HTTP2"}),
        (replace(CALL, http=Http("web", version=2)), {"codec_type": "HTTP1"}),
    ],
)
def test_what_is_not_the_http_that_is_wanted_is_not_read(
    call: Call, settings: dict[str, Any]
) -> None:
    assert trace(web(table(to("a")), **settings), call).problem is Problem.PROTOCOL


def test_a_request_is_matched_as_the_manager_makes_it() -> None:
    routes = table({"match": {"path": "/b"}, "route": {"cluster": "a"}})
    request = replace(CALL, http=Http("web.:80", "/a/../b"))
    changes = {
        "normalize_path": True,
        "strip_matching_host_port": True,
        "strip_trailing_host_dot": True,
    }
    assert ends(trace(web(routes, **changes), request)) == ["a"]
    assert trace(web(routes), request).problem is Problem.NO_VIRTUAL_HOST
    anywhere = replace(request, http=Http("web:1", "/b"))
    assert ends(trace(web(routes, strip_any_host_port=True), anywhere)) == ["a"]
    refused = replace(request, http=Http("web", "/a%2fb"))
    rejecting = web(routes, path_with_escaped_slashes_action="REJECT_REQUEST")
    assert trace(rejecting, refused).problem is Problem.BAD_REQUEST


def test_routes_come_by_name_or_with_the_listener() -> None:
    named = http(rds={"route_config_name": "t"})
    one = listener("l", "10.0.0.1", 80, chain("c", named))
    routes = ParseDict(table(to("a")), RouteConfiguration())
    found = trace(resources([one], [routes], [cluster("a")], []), CALL)
    assert (found.routes, found.host, found.route) == ("t", "web", "go")
    assert ends(found) == ["a"]
    missing = trace(held(one), CALL)
    assert (missing.routes, missing.problem) == ("t", Problem.NO_VIRTUAL_HOST)
    assert trace(web(table(to("a"))), CALL).routes == ""


def test_scopes_and_matcher_trees_are_not_guessed_at() -> None:
    scoped = chain("c", http(scoped_routes={"name": "s"}))
    one = held(listener("l", "10.0.0.1", 80, scoped))
    assert trace(one, CALL).problem is Problem.NOT_MODELLED
    assert trace(web(table(matcher={})), CALL).problem is Problem.NOT_MODELLED
    plugin = {"match": {"prefix": "/"}, "route": {"cluster_specifier_plugin": "p"}}
    assert trace(web(table(plugin)), CALL).problem is Problem.NOT_MODELLED


def test_another_header_can_name_the_virtual_host() -> None:
    routes = table(to("a")) | {"vhost_header": "x-host"}
    call = replace(CALL, http=Http("other", headers=(("x-host", "web"),)))
    assert ends(trace(web(routes), call)) == ["a"]


@pytest.mark.parametrize(
    ("demand", "headers", "settings", "redirected"),
    [
        ("ALL", {}, {}, True),
        ("ALL", {"x-forwarded-proto": "https"}, {}, False),
        ("ALL", {"x-forwarded-proto": "https"}, {"use_remote_address": True}, True),
        ("EXTERNAL_ONLY", {}, {}, True),
        ("EXTERNAL_ONLY", {"x-envoy-internal": "true"}, {}, False),
        ("NONE", {}, {}, False),
    ],
)
def test_plain_text_is_sent_to_https_where_that_is_demanded(
    demand: str, headers: dict[str, str], settings: dict[str, Any], *, redirected: bool
) -> None:
    call = replace(CALL, http=Http("web", headers=tuple(headers.items())))
    found = trace(web(table(to("a"), require_tls=demand), **settings), call)
    assert (found.problem is Problem.TLS_REDIRECT) is redirected


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({"direct_response": {"status": 503}}, "answered with 503"),
        ({"redirect": {"host_redirect": "b"}}, "answered with a redirect"),
        ({"non_forwarding_action": {}}, "the route forwards nothing"),
    ],
)
def test_a_request_can_end_at_the_proxy(action: dict[str, Any], why: str) -> None:
    found = trace(web(table({"match": {"prefix": "/"}} | action)), CALL)
    assert (found.problem, found.targets) == (None, ())
    assert found.steps[-1].why == why


def test_clusters_are_named_by_weight_or_by_a_header() -> None:
    several = [{"name": "a", "weight": 1}, {"cluster_header": "x-to", "weight": 2}]
    weighted = {
        "match": {"path": "/a"},
        "route": {"weighted_clusters": {"clusters": several}},
    }
    headed = {"match": {"prefix": "/"}, "route": {"cluster_header": "x-to"}}
    call = replace(CALL, http=Http("web", "/a", headers=(("x-to", "b"),)))
    assert ends(trace(web(table(weighted)), call)) == ["a", "b"]
    assert ends(trace(web(table(headed)), call)) == ["b"]


def test_no_route_and_no_cluster_are_told() -> None:
    other = {"match": {"path": "/x"}, "route": {"cluster": "a"}}
    assert trace(web(table(other)), CALL).problem is Problem.NO_ROUTE
    gone = trace(web(table(to("gone"))), CALL)
    assert (gone.problem, ends(gone)) == (Problem.NO_CLUSTER, ["gone"])
