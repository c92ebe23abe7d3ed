from __future__ import annotations

import pytest
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.any_pb2 import Any as Packed

from meltemi.pilot import ir
from meltemi.pilot.emit.http_filter import http_filters
from meltemi.pilot.trace.passing import taken_as_passing
from meltemi.pilot.trace.policy import judge
from meltemi.pilot.trace.situation import Situation
from meltemi.testkit.held import CALL

NOW = Situation(CALL, CALL.http, None, "192.0.2.1")
PLAIN = ir.HttpFilter("s", "r", ir.ClientCertificate.SANITIZE)


def script(*, disabled: bool = False) -> hcm.HttpFilter:
    made = hcm.HttpFilter(name="f", disabled=disabled)
    made.typed_config.Pack(lua_pb2.Lua())
    return made


def test_a_filter_that_may_answer_is_told_and_passes_unsure() -> None:
    problem, (verdict,) = judge([script()], NOW)
    assert problem is None
    assert verdict.allowed
    assert not verdict.sure
    assert verdict.why == "Lua is not modelled: taken as passing"


def test_a_filter_that_is_fetched_is_told_too() -> None:
    verdict = taken_as_passing(hcm.HttpFilter(name="f"))
    assert verdict is not None
    assert verdict.why.startswith("a filter that is fetched")


def test_a_filter_that_is_off_is_not_told() -> None:
    assert taken_as_passing(script(disabled=True)) is None


def test_what_every_proxy_has_is_not_told() -> None:
    extensions = (ir.GrpcWeb(), ir.MeshProtocols())
    for made in (
        PLAIN,
        ir.HttpFilter("s", "r", PLAIN.client_certificate, extensions=extensions),
    ):
        assert judge(http_filters(made), NOW) == (None, ())


@pytest.mark.parametrize(
    "kind", ["stats.PluginConfig", "io.istio.http.peer_metadata.Config"]
)
def test_istios_own_filters_are_not_told(kind: str) -> None:
    packed = Packed(type_url=f"type.googleapis.com/{kind}")
    assert taken_as_passing(hcm.HttpFilter(name="f", typed_config=packed)) is None
