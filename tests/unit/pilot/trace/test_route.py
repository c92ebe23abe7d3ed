from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.extensions.path.match.uri_template.v3 import (
    uri_template_match_pb2,  # noqa: F401 - known by name
)
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.call import Call, Http, Tls
from meltemi.pilot.trace.route import route

CALL = Call("10.0.0.1", 80)
TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"


def host(*matches: dict[str, Any]) -> VirtualHost:
    routes = [
        {"name": f"r{at}", "match": match, "non_forwarding_action": {}}
        for at, match in enumerate(matches)
    ]
    return ParseDict({"name": "h", "routes": routes}, VirtualHost())


def takes(match: dict[str, Any], request: Http, call: Call = CALL) -> bool:
    found, _ = route(host(match), call, request)
    return found is not None


@pytest.mark.parametrize(
    ("match", "fits", "not_"),
    [
        ({"prefix": "/a"}, "/ab", "/b"),
        ({"prefix": "/A", "case_sensitive": False}, "/ab", "/b"),
        ({"path": "/a"}, "/a?q=1", "/a/"),
        ({"path": "/A"}, "/A", "/a"),
        ({"path_separated_prefix": "/a"}, "/a/b", "/ab"),
        ({"path_separated_prefix": "/a"}, "/a", "/"),
        ({"safe_regex": {"regex": "/a.*"}}, "/ab", "/b/a"),
    ],
)
def test_paths_are_compared_without_their_query(
    match: dict[str, Any], fits: str, not_: str
) -> None:
    assert takes(match, Http(path=fits))
    assert not takes(match, Http(path=not_))


def test_a_template_is_compared() -> None:
    policy = {"@type": TEMPLATE, "path_template": "/a/*"}
    match = {"path_match_policy": {"name": "t", "typed_config": policy}}
    assert takes(match, Http(path="/a/b"))
    assert not takes(match, Http(path="/a/b/c"))


def test_connect_is_taken_by_connect_routes_only_and_nothing_else_by_them() -> None:
    assert takes({"connect_matcher": {}}, Http(method="CONNECT"))
    assert not takes({"connect_matcher": {}}, Http())
    assert not takes({"prefix": "/"}, Http(method="CONNECT"))


def test_all_headers_must_agree_the_pseudo_ones_too() -> None:
    both = [
        {"name": ":method", "string_match": {"exact": "POST"}},
        {"name": "X-Id", "string_match": {"exact": "2"}},
    ]
    match = {"prefix": "/", "headers": both}
    request = Http(method="POST", headers=(("x-id", "1"), ("X-ID", "2")))
    assert takes(match, request)
    assert not takes(match, replace(request, method="GET"))
    assert not takes(match, replace(request, headers=()))


@pytest.mark.parametrize(
    ("parameter", "fits", "not_"),
    [
        ({"string_match": {"exact": "a b"}}, "/?q=a%20b&q=c", "/?q=c&q=a%20b"),
        ({"present_match": True}, "/?q", "/?r"),
        ({"present_match": False}, "/?r", "/?q"),
        ({}, "/?q=1", "/"),
    ],
)
def test_parameters_must_agree(parameter: dict[str, Any], fits: str, not_: str) -> None:
    match = {"prefix": "/", "query_parameters": [{"name": "q", **parameter}]}
    assert takes(match, Http(path=fits))
    assert not takes(match, Http(path=not_))


def test_grpc_routes_take_grpc_of_any_encoding() -> None:
    match = {"prefix": "/", "grpc": {}}
    assert takes(match, Http(headers=(("content-type", "application/grpc+proto"),)))
    assert not takes(match, Http(headers=(("content-type", "application/grpc-web"),)))


def test_a_share_of_the_requests_is_taken_by_chance() -> None:
    share = {"default_value": {"numerator": 25, "denominator": "HUNDRED"}}
    match = {"prefix": "/", "runtime_fraction": share}
    assert takes(match, Http(), replace(CALL, chance=0.24))
    assert not takes(match, Http(), replace(CALL, chance=0.25))


def test_a_client_certificate_can_be_asked_for() -> None:
    match = {"prefix": "/", "tls_context": {"presented": True}}
    assert takes(match, Http(), replace(CALL, tls=Tls(certificate=True)))
    assert not takes(match, Http())


def test_the_first_route_wins_and_the_reason_names_those_passed_over() -> None:
    found, why = route(
        host({"path": "/x"}, {"prefix": "/"}, {"prefix": "/"}), CALL, Http(path="/a")
    )
    assert found is not None
    assert found.name == "r1"
    assert why == "not r0: /a is /x; r1: /a begins with /"
    assert route(host(), CALL, Http()) == (None, "there are no routes")
