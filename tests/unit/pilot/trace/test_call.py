from __future__ import annotations

from meltemi.pilot.trace.call import Http

REQUEST = Http(
    "web",
    "/a",
    "PUT",
    headers=(("X-Id", "1"), ("x-ID", "2"), ("Accept", "a"), ("accept", "b")),
)


def test_values_are_kept_apart_but_for_headers_that_envoy_joins() -> None:
    assert REQUEST.values("x-id") == ("1", "2")
    assert REQUEST.values("accept") == ("a,b",)
    assert REQUEST.values("absent") == ()
    assert REQUEST.values("origin") == ()


def test_a_header_is_all_its_values_or_none() -> None:
    assert REQUEST.header("X-Id") == "1,2"
    assert REQUEST.header("absent") is None


def test_pseudo_headers_are_parts_of_the_request() -> None:
    names = (":authority", "host", ":path", ":method")
    assert [REQUEST.header(each) for each in names] == ["web", "web", "/a", "PUT"]
