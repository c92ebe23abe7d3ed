"""Requests as an Envoy lets somebody listen to them: what to ask, what it tells. Pure.

Source:
    Envoy's admin page, ``POST /tap``; envoy/config/tap/v3/common.proto and
    envoy/data/tap/v3/wrapper.proto.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from meltemi.ctl.report.redaction import GONE, redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CONFIG_ID: Final = "meltemi"
"""What Pilot calls the filter that listens."""
HIDDEN: Final = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "set-cookie"),
        *("x-api-key", "x-auth-token", "x-envoy-peer-metadata"),
    }
)
"""Headers whose value nobody is shown."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests somebody wants to hear of: all that is said holds for each."""

    method: str = ""
    path: str = ""
    """What it begins with."""
    authority: str = ""
    status: str = ""
    """Of the answer, such as 503."""
    headers: tuple[tuple[str, str], ...] = ()


class Tapped(msgspec.Struct, frozen=True, kw_only=True):
    """One request that passed, and its answer. Bodies are not listened to."""

    time: str
    source: str
    """Where the connection came from."""
    destination: str
    """Where it arrived."""
    upstream: str
    """Where it was sent on to; empty: nowhere."""
    method: str
    authority: str
    path: str
    status: str
    duration_ms: float | None
    request_headers: dict[str, str]
    response_headers: dict[str, str]


def question(wish: Wish) -> dict[str, object]:
    """Return what to post: headers of what matches ``wish``, and no bodies."""
    return {
        "config_id": CONFIG_ID,
        "tap_config": {
            "match_config": _match(wish),
            "output_config": {
                "sinks": [{"streaming_admin": {}}],
                "max_buffered_rx_bytes": 0,
                "max_buffered_tx_bytes": 0,
            },
        },
    }


def _match(wish: Wish) -> dict[str, object]:
    asked = [
        {"name": name, "string_match": {"exact": value}}
        for name, value in (
            (":method", wish.method.upper()),
            (":authority", wish.authority),
            *wish.headers,
        )
        if value
    ]
    if wish.path:
        asked.append({"name": ":path", "string_match": {"prefix": wish.path}})
    rules: list[dict[str, object]] = []
    if asked:
        rules.append({"http_request_headers_match": {"headers": asked}})
    if wish.status:
        kind, whole = wish.status.removesuffix("xx"), not wish.status.endswith("xx")
        matcher = {"exact" if whole else "prefix": kind}
        answered = [{"name": ":status", "string_match": matcher}]
        rules.append({"http_response_headers_match": {"headers": answered}})
    if not rules:
        return {"any_match": True}
    return rules[0] if len(rules) == 1 else {"and_match": {"rules": rules}}


def read(text: str) -> tuple[list[Tapped], str]:
    """Return the requests that ``text`` tells of whole, and what is left of it."""
    found, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        try:
            value, end = decoder.raw_decode(text)
        except ValueError:
            break
        found.append(tapped(value))
        text = text[end:]
    return found, text


def tapped(value: Mapping[str, Any]) -> Tapped:
    """Return what one trace of Envoy's says."""
    trace = value.get("http_buffered_trace", {})
    request, response = trace.get("request", {}), trace.get("response", {})
    asked, answered = dict(_headers(request)), dict(_headers(response))
    started, ended = _time(request), _time(response)
    took = (ended - started).total_seconds() * 1000 if started and ended else None
    near = trace.get("downstream_connection", {})
    far = trace.get("upstream_connection", {})
    return Tapped(
        time=request.get("headers_received_time", ""),
        source=_address(near.get("remote_address")),
        destination=_address(near.get("local_address")),
        upstream=_address(far.get("remote_address")),
        method=asked.get(":method", ""),
        authority=asked.get(":authority", ""),
        path=asked.get(":path", ""),
        status=answered.get(":status", ""),
        duration_ms=took,
        request_headers=asked,
        response_headers=answered,
    )


def _headers(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in message.get("headers", ()):
        name, value = each.get("key", ""), each.get("value", "")
        hidden = name.lower() in HIDDEN
        yield name, GONE.decode() if hidden else redacted(value.encode()).decode()


def _time(message: Mapping[str, Any]) -> datetime | None:
    found = message.get("headers_received_time")
    return datetime.fromisoformat(found) if found else None


def _address(found: Mapping[str, Any] | None) -> str:
    place = (found or {}).get("socket_address", {})
    return f"{place['address']}:{place.get('port_value', 0)}" if place else ""


def row(found: Tapped) -> Sequence[str]:
    """Return a request as columns."""
    took = "-" if found.duration_ms is None else f"{found.duration_ms:.0f}ms"
    return (
        found.time,
        f"{found.source or '-'} -> {found.upstream or '-'}",
        found.method,
        f"{found.authority}{found.path}",
        found.status or "-",
        took,
    )
