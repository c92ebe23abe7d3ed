"""A Wasm module, as a filter of the proxies that can run it.

Source: pilot/pkg/model/extensions.go; the answer to a module that cannot be had is
that of Istio's agent (pkg/wasm/convert.go): its failStrategy decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from meltemi.config.schema.wasm import EnvValueSource, FailStrategy, PluginType
from meltemi.pilot import ir

if TYPE_CHECKING:
    from meltemi.config.schema.wasm import VmConfig, WasmModule

FAILURES: Final = {
    FailStrategy.FAIL_OPEN: ir.Failure.OPEN,
    FailStrategy.FAIL_RELOAD: ir.Failure.RELOAD,
}
PORTS: Final = {"http": 80, "https": 443}
FILE: Final = "file://"
RUNTIME: Final = "envoy.wasm.runtime.v8"
HTTP: Final = "envoy.filters.http.wasm"
NETWORK: Final = "envoy.filters.network.wasm"


@dataclass(frozen=True, slots=True)
class Host:
    """A server that modules are fetched from."""

    name: str
    port: int
    tls: bool

    @property
    def cluster(self) -> str:
        """What the cluster for it is called."""
        return f"meltemi.modules|{self.port}||{self.name}"


def module_host(module: WasmModule) -> Host | None:
    """Return where Envoy fetches ``module`` from; None where it does not."""
    try:
        parts = urlsplit(module.url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or not module.sha256:
        return None
    return Host(parts.hostname, port, tls=parts.scheme == "https")


def wasm(
    module: WasmModule, name: str, plugin: str, lacks: frozenset[str]
) -> ir.Plugin | None:
    """Return the filter for ``module``.

    Where it cannot be had, everything is refused in its place, or with FAIL_OPEN
    nothing stands there.

    Args:
        module: As it is written.
        name: The filter's.
        plugin: What the module is called in its logs.
        lacks: The extensions that the proxy's Envoy does not have.

    """
    failure = FAILURES.get(
        module.fail_strategy or FailStrategy.FAIL_CLOSE, ir.Failure.CLOSED
    )
    source = _source(module)
    needed = {RUNTIME, NETWORK if sees_connections(module) else HTTP}
    if source is None or needed & lacks:
        return None if failure is ir.Failure.OPEN else ir.Refusal(name)
    variables, inherited = _environment(module.vm_config)
    settings = module.plugin_config
    return ir.WasmFilter(
        name=name,
        plugin=plugin,
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


def _source(module: WasmModule) -> ir.FileModule | ir.FetchedModule | None:
    if module.url.startswith(FILE):
        return ir.FileModule(module.url.removeprefix(FILE))
    host = module_host(module)
    if host is None:
        return None
    return ir.FetchedModule(module.url, module.sha256 or "", host.cluster)


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
