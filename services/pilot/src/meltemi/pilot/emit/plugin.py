"""Filters that people bring themselves, as Envoy's.

Source: pilot/pkg/model/extensions.go and pilot/pkg/networking/core/extension. Istio's
agent fetches modules; here Envoy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.config.core.v3.base_pb2 import AsyncDataSource, DataSource, RemoteDataSource
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
from meltemi.pilot.emit.wire import duration, packed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message

RUNTIME = "envoy.wasm.runtime.v8"
FETCHING = 30 * ir.SECOND
FAILURES = {
    ir.Failure.CLOSED: FailurePolicy.FAIL_CLOSED,
    ir.Failure.OPEN: FailurePolicy.FAIL_OPEN,
    ir.Failure.RELOAD: FailurePolicy.FAIL_RELOAD,
}


def http_plugins(plugins: Iterable[ir.Plugin]) -> list[hcm.HttpFilter]:
    """Return filters that see requests."""
    return [
        hcm.HttpFilter(name=each.name, typed_config=packed(_http(each)))
        for each in plugins
    ]


def network_plugins(plugins: Iterable[ir.Plugin]) -> list[Filter]:
    """Return filters that see connections; a script is none of them."""
    return [
        Filter(name=each.name, typed_config=packed(_network(each)))
        for each in plugins
        if not isinstance(each, ir.LuaFilter)
    ]


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
                key_values=dict(made.variables), host_env_keys=made.inherited
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
                uri=module.url, cluster=module.cluster, timeout=duration(FETCHING)
            )
            remote = RemoteDataSource(http_uri=address, sha256=module.sha256)
            return AsyncDataSource(remote=remote)
