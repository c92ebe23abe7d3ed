"""A Wasm module, as a filter of the proxies that can run it.

Source: pilot/pkg/model/extensions.go; the answer to a module that cannot be had is
that of Istio's agent (pkg/wasm/convert.go): its failStrategy decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.schema.wasm import (
    EnvValueSource,
    FailStrategy,
    PluginType,
    PullPolicy,
)
from meltemi.pilot import ir

if TYPE_CHECKING:
    from meltemi.config.schema.wasm import VmConfig, WasmModule
    from meltemi.pilot.scope.node import NodeSettings

FAILURES: Final = {
    FailStrategy.FAIL_OPEN: ir.Failure.OPEN,
    FailStrategy.FAIL_RELOAD: ir.Failure.RELOAD,
}
POLICIES: Final = (PullPolicy.IF_NOT_PRESENT, PullPolicy.ALWAYS)
FILE: Final = "file://"
RUNTIME: Final = "envoy.wasm.runtime.v8"
HTTP: Final = "envoy.filters.http.wasm"
NETWORK: Final = "envoy.filters.network.wasm"


@dataclass(frozen=True, slots=True)
class Name:
    """What a module's filter is called.

    Attributes:
        filter: The filter's own name.
        plugin: What the module is called in its logs.
        version: Of the object.

    """

    filter: str
    plugin: str
    version: str = ""


def wasm(module: WasmModule, name: Name, node: NodeSettings) -> ir.Plugin | None:
    """Return the filter for ``module`` at a proxy.

    Where it cannot be had, everything is refused in its place, or with FAIL_OPEN
    nothing stands there. ``node`` says what the proxy's Envoy lacks, and whether there
    is an agent to fetch modules.
    """
    failure = FAILURES.get(
        module.fail_strategy or FailStrategy.FAIL_CLOSE, ir.Failure.CLOSED
    )
    source = _source(module, name.version, fetches=node.fetches_modules)
    needed = {RUNTIME, NETWORK if sees_connections(module) else HTTP}
    if source is None or needed & node.lacks:
        return None if failure is ir.Failure.OPEN else ir.Refusal(name.filter)
    variables, inherited = _environment(module.vm_config)
    settings = module.plugin_config
    return ir.WasmFilter(
        name=name.filter,
        plugin=name.plugin,
        module=source,
        root=module.plugin_name or "",
        settings=msgspec.json.encode(settings).decode() if settings else "",
        failure=failure,
        variables=variables,
        inherited=inherited,
    )


def sees_connections(module: WasmModule) -> bool:
    """Tell whether ``module`` joins the filters of connections, not of requests."""
    return module.type is PluginType.NETWORK


def _source(
    module: WasmModule, version: str, *, fetches: bool
) -> ir.FileModule | ir.FetchedModule | None:
    if module.url.startswith(FILE):
        return ir.FileModule(module.url.removeprefix(FILE))
    if not fetches:
        return None
    said = module.image_pull_policy
    return ir.FetchedModule(
        url=module.url,
        sha256=module.sha256 or "",
        policy=said if said in POLICIES else "",
        secret=module.image_pull_secret or "",
        version="" if module.sha256 else version,
    )


def _environment(
    machine: VmConfig | None,
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    every = machine.env if machine else ()
    inherited = tuple(
        each.name for each in every if each.value_from is EnvValueSource.HOST
    )
    given = tuple(
        (each.name, each.value or "") for each in every if each.name not in inherited
    )
    return given, inherited
