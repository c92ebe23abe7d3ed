"""Which plugins hold for a workload, in which order, and for which traffic.

Source: pilot/pkg/model/push_context.go WasmPluginsByListenerInfo.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.traffic_selector import TrafficMode
from meltemi.config.schema.wasm_plugin import WasmPlugin
from meltemi.pilot import ir
from meltemi.pilot.scope.policies import policies
from meltemi.pilot.scope.proxy import home_among
from meltemi.pilot.translate.plugin.module import Name, sees_connections
from meltemi.pilot.translate.plugin.module import wasm as wasm_filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meltemi.config.resource import Resource
    from meltemi.config.schema.traffic_extension import TrafficExtension
    from meltemi.config.schema.traffic_selector import TrafficSelector
    from meltemi.config.schema.wasm import WasmModule
    from meltemi.pilot.scope.scope import Scope

    Written = Resource[WasmPlugin] | Resource[TrafficExtension]

LUA: Final = "envoy.filters.http.lua"


class Place(StrEnum):
    """Where among the filters, as both kinds spell it."""

    AUTHN = "AUTHN"
    AUTHZ = "AUTHZ"
    STATS = "STATS"
    REST = "UNSPECIFIED"


@dataclass(frozen=True, slots=True)
class Entry:
    """A plugin that holds, and the traffic it sees."""

    made: ir.Plugin
    place: Place
    connections: bool
    match: tuple[TrafficSelector, ...]
    origin: ir.Origin

    def sees(self, side: TrafficMode, ports: tuple[int, ...]) -> bool:
        """Tell whether it sees the traffic of ``side`` at one of ``ports``."""
        return not self.match or any(_fits(each, side, ports) for each in self.match)


def plugins(scope: Scope) -> tuple[Entry, ...]:
    """Return the plugins of the proxies of ``scope``: higher priorities first.

    Of equal ones those of the root namespace go first, then older ones.
    """
    held = sorted(_held(scope), key=lambda each: -(each.spec.priority or 0))
    return tuple(entry for each in held if (entry := _entry(scope, each)))


def _held(scope: Scope) -> list[Written]:
    root, labels = scope.config.root_namespace, scope.group.label_map
    every = (*scope.index.wasm_plugins, *scope.index.traffic_extensions)
    home = home_among(scope.group, every)
    found: list[Written] = [
        *policies(
            scope.index.wasm_plugins,
            root_namespace=root,
            namespace=home,
            labels=labels,
        ),
        *policies(
            scope.index.traffic_extensions,
            root_namespace=root,
            namespace=home,
            labels=labels,
        ),
    ]
    return sorted(found, key=lambda each: _age(each, root))


def _age(each: Written, root: str) -> tuple[bool, str, str, str]:
    metadata = each.metadata
    return (
        metadata.namespace != root,
        metadata.creation_timestamp,
        metadata.name,
        metadata.namespace,
    )


def _entry(scope: Scope, each: Written) -> Entry | None:
    home = each.metadata
    plugin = f"{home.namespace}.{home.name}"
    name = f"extensions.istio.io/{each.kind.lower()}/{plugin}"
    node = scope.group.node
    module = _module(each)
    if module is None:
        code = _script(each)
        made: ir.Plugin | None = ir.LuaFilter(name, code)
        if LUA in node.lacks:
            made = ir.Refusal(name)
    else:
        made = wasm_filter(module, Name(name, plugin, home.resource_version), node)
    if made is None:
        return None
    word = (each.spec.phase or Place.REST).removesuffix("_PHASE")
    return Entry(
        made=made,
        place=Place(word),
        connections=module is not None and sees_connections(module),
        match=each.spec.match,
        origin=ir.Origin(each.kind, home.namespace, home.name, "spec"),
    )


def _module(each: Written) -> WasmModule | None:
    return each.spec if isinstance(each.spec, WasmPlugin) else each.spec.wasm


def _script(each: Written) -> str:
    spec = each.spec
    return "" if isinstance(spec, WasmPlugin) or not spec.lua else spec.lua.inline_code


def _fits(each: TrafficSelector, side: TrafficMode, ports: tuple[int, ...]) -> bool:
    sides = (None, TrafficMode.UNDEFINED, TrafficMode.CLIENT_AND_SERVER, side)
    wanted = {port.number for port in each.ports}
    return each.mode in sides and (not wanted or not wanted.isdisjoint(ports))


def placed(entries: Iterable[Entry]) -> ir.Plugins:
    """Return the filters of ``entries``, by their places."""
    by_place: dict[Place, list[ir.Plugin]] = {place: [] for place in Place}
    for each in entries:
        by_place[each.place].append(each.made)
    return ir.Plugins(*(tuple(by_place[place]) for place in Place))


def apart(entries: Iterable[Entry]) -> Iterator[ir.Extension]:
    """Yield the filters whose configuration travels apart from the listeners."""
    for each in entries:
        if isinstance(each.made, ir.WasmFilter) and each.made.apart:
            yield ir.Extension(each.made, each.connections, (each.origin,))
