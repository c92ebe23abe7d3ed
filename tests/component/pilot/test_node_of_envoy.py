"""What a real Envoy says it has, in the words Pilot asks for."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import Node
from google.protobuf.json_format import ParseDict

from meltemi.pilot.adapters.ads_codec import proxy_of
from meltemi.testkit.pair import pair

if TYPE_CHECKING:
    from pathlib import Path


def test_the_envoy_we_ship_has_every_optional_extension(tmp_path: Path) -> None:
    with pair(tmp_path) as envoy:
        url = f"http://127.0.0.1:{envoy.admin}/server_info"
        with urllib.request.urlopen(url, timeout=10) as answer:
            said = json.load(answer)["node"]["extensions"]
    named = [{"name": each["name"]} for each in said]
    node = {"id": "sidecar~10.0.0.1~a.default~x", "extensions": named}
    assert proxy_of(ParseDict(node, Node())).group.node.lacks == frozenset()
    assert len(said) > 400
