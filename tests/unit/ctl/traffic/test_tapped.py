from __future__ import annotations

import json
from typing import Any

from meltemi.ctl.traffic.tapped import Wish, question, read, row


def trace(path: str, *more: tuple[str, str]) -> dict[str, Any]:
    asked = ((":method", "GET"), (":authority", "api"), (":path", path), *more)
    place = {"socket_address": {"address": "127.0.0.1", "port_value": 7}}
    return {
        "http_buffered_trace": {
            "request": {
                "headers": [{"key": name, "value": value} for name, value in asked],
                "headers_received_time": "2030-01-01T00:00:00.000Z",
            },
            "response": {
                "headers": [{"key": ":status", "value": "200"}],
                "headers_received_time": "2030-01-01T00:00:00.250Z",
            },
            "downstream_connection": {"remote_address": place, "local_address": place},
        }
    }


def match(wish: Wish) -> Any:
    config = question(wish)["tap_config"]
    assert isinstance(config, dict)
    assert config["output_config"]["max_buffered_rx_bytes"] == 0, "no bodies"
    return config["match_config"]


def test_without_a_wish_everything_matches() -> None:
    assert match(Wish()) == {"any_match": True}


def test_a_request_must_match_all_that_is_asked_for() -> None:
    wish = Wish(method="get", path="/a", status="503", headers=(("x-user", "eve"),))
    asked, answered = match(wish)["and_match"]["rules"]
    assert asked["http_request_headers_match"]["headers"] == [
        {"name": ":method", "string_match": {"exact": "GET"}},
        {"name": "x-user", "string_match": {"exact": "eve"}},
        {"name": ":path", "string_match": {"prefix": "/a"}},
    ]
    assert answered["http_response_headers_match"]["headers"] == [
        {"name": ":status", "string_match": {"exact": "503"}}
    ]
    assert match(Wish(status="503")) == answered
    (kind,) = match(Wish(status="5xx"))["http_response_headers_match"]["headers"]
    assert kind == {"name": ":status", "string_match": {"prefix": "5"}}


def test_traces_are_read_as_they_come_in_pieces() -> None:
    text = json.dumps(trace("/one"), indent=1) + json.dumps(trace("/two"))
    seen: list[str] = []
    rest = ""
    for start in range(0, len(text), 17):
        found, rest = read(rest + text[start : start + 17])
        seen += [each.path for each in found]
    assert (seen, rest) == (["/one", "/two"], "")


def test_a_request_is_a_line_and_nobody_is_shown_what_lets_in() -> None:
    secrets = (("authorization", "Bearer abcdefgh"), ("cookie", "session=abcdefgh"))
    (found,), _ = read(json.dumps(trace("/x?token=abcdefgh", *secrets)))
    assert "abcdefgh" not in repr(found)
    assert found.request_headers["cookie"] == "[redacted]"
    assert row(found)[2:] == ("GET", "api/x?token=[redacted]", "200", "250ms")
