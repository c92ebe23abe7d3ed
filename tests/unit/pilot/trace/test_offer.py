from __future__ import annotations

from typing import Any

import pytest
from envoy.extensions.filters.http.set_filter_state.v3 import (
    set_filter_state_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict

from meltemi.pilot import ir
from meltemi.pilot.emit.http_filter import http_filters
from meltemi.pilot.trace.call import Http
from meltemi.pilot.trace.offer import KEY, offered

TYPE = "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config"


def saying(text: str, **changes: Any) -> hcm.HttpFilter:
    value: dict[str, Any] = {
        "object_key": KEY,
        "shared_with_upstream": "ONCE",
        "format_string": {"text_format_source": {"inline_string": text}},
    }
    config = {"@type": TYPE, "on_request_headers": [value | changes]}
    return ParseDict({"name": "f", "typed_config": config}, hcm.HttpFilter())


def test_what_pilot_emits_is_offered_by_the_version_of_the_request() -> None:
    made = http_filters(
        ir.HttpFilter(
            stat_prefix="s",
            routes="r",
            client_certificate=ir.ClientCertificate.SANITIZE,
            extensions=(ir.MeshProtocols(),),
        )
    )
    assert offered(made, Http(version=1)) == ("istio-http/1.1", "istio", "http/1.1")
    assert offered(made, Http(version=2)) == ("istio-h2", "istio", "h2")


def test_the_last_filter_that_says_so_decides() -> None:
    assert offered([saying("a,b"), saying("c")], Http()) == ("c",)
    assert offered([], Http()) == ()


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("a", {"object_key": "other"}),
        ("a", {"shared_with_upstream": "NONE"}),
        ("%REQ(alpn)%", {}),
    ],
)
def test_what_is_not_for_the_handshake_or_not_known_changes_nothing(
    text: str, changes: dict[str, Any]
) -> None:
    assert offered([saying(text, **changes)], Http()) == ()
