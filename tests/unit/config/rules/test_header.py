from __future__ import annotations

import pytest

from meltemi.config.rules.header import check_headers, check_match_name, is_claim
from meltemi.config.schema.http_route import HeaderOperations, Headers


def told(way: str, verb: str, name: str, value: str = "v") -> list[str]:
    changes = HeaderOperations(
        set={name: value} if verb == "set" else {},
        add={name: value} if verb == "add" else {},
        remove=(name,) if verb == "remove" else (),
    )
    request = changes if way == "request" else None
    headers = Headers(request=request, response=None if request else changes)
    return [each.message for each in check_headers("h", headers)]


@pytest.mark.parametrize(
    "value",
    ["", "a", "100%%", "%HOSTNAME%", "a %REQ(X?Y):3% b", "%START_TIME(%s.%3f)%", "é"],
)
def test_a_value_may_hold_envoys_variables(value: str) -> None:
    assert told("request", "set", "x", value) == []


@pytest.mark.parametrize(
    "value", ["100%", "abc%123", "%START_TIME%%", "a\u0001", "%%%"]
)
def test_a_per_cent_sign_has_to_be_one_or_a_variable(value: str) -> None:
    (message,) = told("response", "add", "x", value)
    assert message.endswith("is not a header's value")


@pytest.mark.parametrize("name", [":authority", "Host"])
def test_the_authority_can_be_set_on_requests_only(name: str) -> None:
    assert told("request", "set", name) == []
    assert told("request", "add", name) == []
    assert told("request", "remove", name) != []
    assert told("response", "set", name) != []


@pytest.mark.parametrize("name", ["", ":path", "a b"])
def test_what_is_no_header_cannot_be_changed(name: str) -> None:
    assert len(told("request", "set", name)) == 1


@pytest.mark.parametrize(
    ("name", "right"),
    [("x-id", True), ("@request.auth.claims.sub", True), ("a b", False), ("", False)],
)
def test_a_route_looks_at_headers_and_claims(name: str, *, right: bool) -> None:
    assert (list(check_match_name("p", name)) == []) is right


def test_claims_are_told_from_headers() -> None:
    assert is_claim("@request.auth.claims[a][b]")
    assert not is_claim("x-request.auth.claims.a")
