"""TrafficExtension: a Wasm module or a Lua script in the proxies' filter chains."""

from enum import StrEnum
from typing import ClassVar

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.schema.selector import PolicySelector
from meltemi.config.schema.target import PolicyTargetReference
from meltemi.config.schema.traffic_selector import TrafficSelector
from meltemi.config.schema.wasm import WasmModule
from meltemi.config.values import Int32


class ExtensionPhase(StrEnum):
    """Where in the chain."""

    UNSPECIFIED = "UNSPECIFIED"
    """At the end, before the router."""
    AUTHN = "AUTHN"
    """Before Istio's authentication filters."""
    AUTHZ = "AUTHZ"
    """Before Istio's authorization filters."""
    STATS = "STATS"
    """Before Istio's stats filters."""


class LuaScript(Message, frozen=True, kw_only=True):
    """A script that defines ``envoy_on_request`` or ``envoy_on_response``."""

    inline_code: str
    """The script: ``envoy_on_request`` and ``envoy_on_response``."""


class TrafficExtension(OneOf, frozen=True, kw_only=True):
    """An extension for the selected workloads, a namespace, or the mesh."""

    ONE_OF: ClassVar = (("wasm", "lua"),)

    selector: PolicySelector | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()
    """Instead of the selector, for gateways and waypoints."""
    phase: ExtensionPhase | None = None
    """Before which of the mesh's own filters it stands; default: the router."""
    priority: Int32 | None = None
    """Higher comes first within the phase; default 0."""
    match: tuple[TrafficSelector, ...] = ()
    """Which traffic; default all."""
    wasm: WasmModule | None = None
    lua: LuaScript | None = None
