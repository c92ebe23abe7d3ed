from __future__ import annotations

from typing import Any

import pytest
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict

from meltemi.pilot.trace.call import Call, Http
from meltemi.pilot.trace.situation import client_address

CALL = Call("10.0.0.1", 80, source="10.9.9.9")


@pytest.mark.parametrize(
    ("settings", "passed", "client"),
    [
        ({}, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        ({"xff_num_trusted_hops": 1}, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        ({"xff_num_trusted_hops": 2}, "1.1.1.1, 2.2.2.2", "10.9.9.9"),
        ({"use_remote_address": True}, "1.1.1.1", "10.9.9.9"),
        ({"use_remote_address": True, "xff_num_trusted_hops": 1}, "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        ({}, "nonsense", "10.9.9.9"),
        ({}, None, "10.9.9.9"),
    ],
)  # fmt: skip
def test_the_client_is_whom_trusted_proxies_report(
    settings: dict[str, Any], passed: str | None, client: str
) -> None:
    manager = ParseDict(settings, hcm.HttpConnectionManager())
    headers = () if passed is None else (("x-forwarded-for", passed),)
    assert client_address(manager, CALL, Http(headers=headers)) == client
