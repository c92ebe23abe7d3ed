from __future__ import annotations

import pytest
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from google.protobuf.wrappers_pb2 import StringValue

from meltemi.pilot import ir
from meltemi.pilot.emit.plugin import http_plugins, network_plugins

MODULE = ir.WasmFilter(
    "name",
    "default.p",
    ir.FetchedModule("https://m.example/x", "a" * 64, "c"),
    settings='{"a":1}',
    failure=ir.Failure.RELOAD,
    variables=(("A", "b"),),
    inherited=("HOST",),
)


def test_a_module_has_all_it_was_given() -> None:
    (made,) = http_plugins([MODULE])
    wasm, settings = Wasm(), StringValue()
    made.typed_config.Unpack(wasm)
    wasm.config.configuration.Unpack(settings)
    machine = wasm.config.vm_config
    assert settings.value == '{"a":1}'
    assert dict(machine.environment_variables.key_values) == {"A": "b"}
    assert machine.environment_variables.host_env_keys == ["HOST"]
    assert machine.code.remote.sha256 == "a" * 64
    assert machine.code.remote.http_uri.cluster == "c"


@pytest.mark.parametrize("settings", ["", '{"a":1}'])
def test_no_settings_are_no_message(settings: str) -> None:
    bare = ir.WasmFilter("name", "p", ir.FileModule("/m"), settings=settings)
    (made,) = http_plugins([bare])
    wasm = Wasm()
    made.typed_config.Unpack(wasm)
    assert wasm.config.HasField("configuration") == bool(settings)
    assert wasm.config.vm_config.code.local.filename == "/m"


def test_a_refusal_lets_nothing_pass() -> None:
    (made,) = http_plugins([ir.Refusal("name")])
    rules = RBAC()
    made.typed_config.Unpack(rules)
    assert rules.HasField("rules")
    assert not rules.rules.policies


def test_scripts_see_no_connections() -> None:
    script = ir.LuaFilter("name", "--")
    assert len(network_plugins([script, MODULE, ir.Refusal("r")])) == 2
    assert len(http_plugins([script])) == 1
