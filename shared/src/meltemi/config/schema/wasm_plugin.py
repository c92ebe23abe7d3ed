"""WasmPlugin: a Wasm module in the proxies' filter chains."""

from enum import StrEnum

from meltemi.config.schema.selector import PolicySelector
from meltemi.config.schema.target import PolicyTargetReference
from meltemi.config.schema.traffic_selector import TrafficSelector
from meltemi.config.schema.wasm import WasmModule
from meltemi.config.values import Int32


class PluginPhase(StrEnum):
    """Where in the chain."""

    UNSPECIFIED_PHASE = "UNSPECIFIED_PHASE"
    """At the end, before the router."""
    AUTHN = "AUTHN"
    """Before Istio's authentication filters."""
    AUTHZ = "AUTHZ"
    """Before Istio's authorization filters."""
    STATS = "STATS"
    """Before Istio's stats filters."""


class WasmPlugin(WasmModule, frozen=True, kw_only=True):
    """A module for the selected workloads, a namespace, or the mesh."""

    selector: PolicySelector | None = None
    target_ref: PolicyTargetReference | None = None
    """Deprecated: ``target_refs``."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    """Instead of the selector, for gateways and waypoints."""
    phase: PluginPhase | None = None
    """Before which of the mesh's own filters it stands; default: the router."""
    priority: Int32 | None = None
    """Higher comes first within the phase; default 0."""
    match: tuple[TrafficSelector, ...] = ()
    """Which traffic; default all."""
