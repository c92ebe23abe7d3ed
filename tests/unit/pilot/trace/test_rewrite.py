from __future__ import annotations

import pytest
from envoy.config.route.v3.route_components_pb2 import Route
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace import Http
from meltemi.pilot.trace.rewrite import passed_on


def route(**fields: object) -> Route:
    return ParseDict(fields, Route())


@pytest.mark.parametrize(
    ("match", "action", "sent", "passed"),
    [
        ({"prefix": "/a/"}, {"prefix_rewrite": "/b/"}, "/a/x?q=1", "/b/x?q=1"),
        ({"path": "/a"}, {"prefix_rewrite": "/b"}, "/a", "/b"),
        ({"path_separated_prefix": "/a"}, {"prefix_rewrite": "/b"}, "/a/x", "/b/x"),
        (
            {"prefix": "/"},
            {
                "regex_rewrite": {
                    "pattern": {"regex": "/a/([0-9]+)"},
                    "substitution": r"/b/\1",
                }
            },
            "/a/42/y",
            "/b/42/y",
        ),
        ({"prefix": "/"}, {}, "/a?q", "/a?q"),
    ],
)
def test_the_path_is_rewritten_and_the_query_is_not(
    match: object, action: object, sent: str, passed: str
) -> None:
    found = passed_on(route(match=match, route=action), Http("h", sent))
    assert found.path == passed


def test_the_host_is_replaced_by_the_routes_own() -> None:
    made = route(match={"prefix": "/"}, route={"host_rewrite_literal": "ratings"})
    assert passed_on(made, Http("reviews")).host == "ratings"


def test_headers_are_removed_overwritten_and_added_in_this_order() -> None:
    made = route(
        match={"prefix": "/"},
        route={},
        request_headers_to_remove=["X-Gone"],
        request_headers_to_add=[
            {
                "header": {"key": "x-set", "value": "new"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            },
            {"header": {"key": "x-more", "value": "2"}},
        ],
    )
    sent = (("x-gone", "1"), ("X-Set", "old"), ("x-more", "1"))
    assert passed_on(made, Http("h", headers=sent)).headers == (
        ("x-more", "1"),
        ("x-set", "new"),
        ("x-more", "2"),
    )
