from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm as NetworkWasm
from google.protobuf.wrappers_pb2 import StringValue

from meltemi.pilot import ir
from meltemi.pilot.emit.plugin import extension, http_plugins, network_plugins

if TYPE_CHECKING:
    from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
    from envoy.extensions.wasm.v3.wasm_pb2 import PluginConfig

MODULE = ir.WasmFilter(
    "name",
    "default.p",
    ir.FetchedModule("https://m.example/x", "a" * 64),
    settings='{"a":1}',
    failure=ir.Failure.RELOAD,
    variables=(("A", "b"),),
    inherited=("HOST",),
)


def told(made: ir.WasmFilter, *, connections: bool = False) -> TypedExtensionConfig:
    return extension(ir.Extension(made, connections, ()))


def wasm_of(made: TypedExtensionConfig) -> PluginConfig:
    wasm = Wasm()
    assert made.typed_config.Unpack(wasm)
    return wasm.config


def test_a_module_has_all_it_was_given() -> None:
    config, settings = wasm_of(told(MODULE)), StringValue()
    config.configuration.Unpack(settings)
    machine = config.vm_config
    assert settings.value == '{"a":1}'
    assert machine.environment_variables.key_values["A"] == "b"
    assert machine.environment_variables.host_env_keys == ["HOST"]
    assert machine.code.remote.sha256 == "a" * 64
    assert machine.code.remote.http_uri.uri == "https://m.example/x"


def test_an_agent_is_told_by_istios_words() -> None:
    module = ir.FetchedModule("m.example/x", "", "Always", "s", "7")
    machine = wasm_of(told(replace(MODULE, module=module, variables=()))).vm_config
    assert dict(machine.environment_variables.key_values) == {
        "ISTIO_META_WASM_IMAGE_PULL_POLICY": "Always",
        "ISTIO_META_WASM_IMAGE_PULL_SECRET": "s",
        "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "7",
    }
    assert machine.code.remote.sha256 == "nil"


def test_what_is_fetched_stands_by_name_and_may_be_replaced() -> None:
    (http,), (network,) = http_plugins([MODULE]), network_plugins([MODULE])
    for made, words in (
        (http, "envoy.extensions.filters.http."),
        (network, "envoy.extensions.filters.network."),
    ):
        assert made.name == told(MODULE).name
        assert not made.HasField("typed_config")
        assert made.config_discovery.config_source.HasField("ads")
        assert [
            each.rpartition("/")[2] for each in made.config_discovery.type_urls
        ] == [
            f"{words}wasm.v3.Wasm",
            f"{words}rbac.v3.RBAC",
        ]
    assert told(MODULE, connections=True).typed_config.Unpack(NetworkWasm())


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
