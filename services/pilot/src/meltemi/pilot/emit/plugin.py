"""Filters that people bring themselves, as Envoy's.

A filter whose module is fetched stands in listeners by name alone. Its configuration
is an extension, which the agent holds until it has put the module in.

Source: pilot/pkg/model/extensions.go and pilot/pkg/networking/core/extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import AsyncDataSource, DataSource, RemoteDataSource
from envoy.config.core.v3.config_source_pb2 import ExtensionConfigSource
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.http.wasm.v3.wasm_pb2 import Wasm
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as network_rbac
from envoy.extensions.filters.network.wasm.v3.wasm_pb2 import Wasm as NetworkWasm
from envoy.extensions.wasm.v3.wasm_pb2 import (
    EnvironmentVariables,
    FailurePolicy,
    PluginConfig,
    VmConfig,
)
from google.protobuf.wrappers_pb2 import StringValue

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import duration, from_ads, packed
from meltemi.xds.modules import OBJECT_VERSION, PULL_POLICY, PULL_SECRET, UNPINNED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

RUNTIME = "envoy.wasm.runtime.v8"
FETCHING = 60 * ir.SECOND
NOBODY = "fetched-by-the-agent"
"""The cluster of a module's server: Envoy must not fetch it."""
FAILURES = {
    ir.Failure.CLOSED: FailurePolicy.FAIL_CLOSED,
    ir.Failure.OPEN: FailurePolicy.FAIL_OPEN,
    ir.Failure.RELOAD: FailurePolicy.FAIL_RELOAD,
}


def http_plugins(plugins: Iterable[ir.Plugin]) -> list[hcm.HttpFilter]:
    """Return filters that see requests."""
    return [
        hcm.HttpFilter(name=each.name, config_discovery=_apart(Wasm, RBAC))
        if isinstance(each, ir.WasmFilter) and each.apart
        else hcm.HttpFilter(name=each.name, typed_config=packed(_http(each)))
        for each in plugins
    ]


def network_plugins(plugins: Iterable[ir.Plugin]) -> list[Filter]:
    """Return filters that see connections; a script is none of them."""
    return [
        Filter(name=each.name, config_discovery=_apart(NetworkWasm, network_rbac.RBAC))
        if isinstance(each, ir.WasmFilter) and each.apart
        else Filter(name=each.name, typed_config=packed(_network(each)))
        for each in plugins
        if not isinstance(each, ir.LuaFilter)
    ]


def extension(told: ir.Extension) -> TypedExtensionConfig:
    """Return the configuration of a filter that stands in listeners by name."""
    made = _network(told.made) if told.connections else _http(told.made)
    return TypedExtensionConfig(name=told.made.name, typed_config=packed(made))


def _apart(*kinds: type[Message]) -> ExtensionConfigSource:
    """Return "ask for it by name"; the second kind is a stand-in of the agent's."""
    urls = [f"type.googleapis.com/{each.DESCRIPTOR.full_name}" for each in kinds]
    return ExtensionConfigSource(config_source=from_ads(), type_urls=urls)


def _http(made: ir.Plugin) -> Message:
    match made:
        case ir.WasmFilter():
            return Wasm(config=_plugin(made))
        case ir.LuaFilter(code=code):
            return Lua(default_source_code=DataSource(inline_string=code))
        case ir.Refusal():
            refusal = RBAC()
            refusal.rules.SetInParent()
            return refusal


def _network(made: ir.WasmFilter | ir.Refusal) -> Message:
    if isinstance(made, ir.WasmFilter):
        return NetworkWasm(config=_plugin(made))
    refusal = network_rbac.RBAC(stat_prefix="plugin")
    refusal.rules.SetInParent()
    return refusal


def _plugin(made: ir.WasmFilter) -> PluginConfig:
    result = PluginConfig(
        name=made.plugin,
        root_id=made.root,
        vm_config=VmConfig(
            runtime=RUNTIME,
            code=_code(made.module),
            environment_variables=EnvironmentVariables(
                key_values=dict(made.variables) | _words(made.module),
                host_env_keys=made.inherited,
            ),
        ),
        failure_policy=FAILURES[made.failure],
    )
    if made.settings:
        result.configuration.CopyFrom(packed(StringValue(value=made.settings)))
    return result


def _code(module: ir.FileModule | ir.FetchedModule) -> AsyncDataSource:
    match module:
        case ir.FileModule(path):
            return AsyncDataSource(local=DataSource(filename=path))
        case ir.FetchedModule():
            address = HttpUri(
                uri=module.url, cluster=NOBODY, timeout=duration(FETCHING)
            )
            known = module.sha256 or UNPINNED
            remote = RemoteDataSource(http_uri=address, sha256=known)
            return AsyncDataSource(remote=remote)


def _words(module: ir.FileModule | ir.FetchedModule) -> dict[str, str]:
    """Return what the agent must know beside; it takes these variables out."""
    if isinstance(module, ir.FileModule):
        return {}
    told = {
        PULL_POLICY: module.policy,
        PULL_SECRET: module.secret,
        OBJECT_VERSION: module.version,
    }
    return {name: each for name, each in told.items() if each}
