"""What must hold for an EnvoyFilter, whatever Envoy makes of its values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.rules.hosts import check_port
from meltemi.config.rules.labels import ONLY_ONE, check_references, check_workloads
from meltemi.config.rules.problem import problem, warning
from meltemi.config.rules.regex import check_regex
from meltemi.config.schema.envoy_filter import ApplyTo, Operation, PatchContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.schema.envoy_filter import (
        ConfigObjectMatch,
        ConfigPatch,
        EnvoyFilter,
        FilterChainMatch,
    )

EXPOSED: Final = (
    "EnvoyFilter depends on internals of the proxy's configuration, which may change "
    "with any version"
)
MANAGER: Final = (
    "envoy.filters.network.http_connection_manager",
    "envoy.http_connection_manager",
)
OF_LISTENERS: Final = (
    ApplyTo.LISTENER,
    ApplyTo.FILTER_CHAIN,
    ApplyTo.NETWORK_FILTER,
    ApplyTo.HTTP_FILTER,
)
OF_ROUTES: Final = (
    ApplyTo.ROUTE_CONFIGURATION,
    ApplyTo.VIRTUAL_HOST,
    ApplyTo.HTTP_ROUTE,
)
WANTED: Final = {
    **dict.fromkeys(OF_LISTENERS, "listener"),
    **dict.fromkeys(OF_ROUTES, "routeConfiguration"),
    ApplyTo.CLUSTER: "cluster",
}


def check_envoy_filter(spec: EnvoyFilter) -> Iterator[Finding]:
    """Yield what Istio's ValidateEnvoyFilter says, without a look into the values."""
    yield warning("spec", EXPOSED, "prefer other kinds where they can say it")
    if spec.workload_selector is not None and spec.target_refs:
        yield problem("spec", f"{ONLY_ONE}: workloadSelector and targetRefs")
    effect = "holds for every workload of the namespace"
    yield from check_workloads("spec.workloadSelector", spec.workload_selector, effect)
    yield from check_references(spec.target_refs)
    for index, patch in enumerate(spec.config_patches):
        path = f"spec.configPatches[{index}]"
        yield from _check_patch(path, patch)
        if patch.match is not None:
            yield from _check_match(f"{path}.match", patch.match, patch.apply_to)


def _check_patch(path: str, patch: ConfigPatch) -> Iterator[Finding]:
    if patch.apply_to in (None, ApplyTo.INVALID):
        yield problem(f"{path}.applyTo", "applyTo is required")
    change = patch.patch
    if change is None or change.operation in (None, Operation.INVALID):
        yield problem(f"{path}.patch.operation", "an operation is required")
    elif change.operation is not Operation.REMOVE and change.value is None:
        message = f"operation {change.operation} needs a value"
        yield problem(f"{path}.patch.value", message)


def _check_match(
    path: str, match: ConfigObjectMatch, apply_to: ApplyTo | None
) -> Iterator[Finding]:
    if match.proxy is not None and match.proxy.proxy_version:
        here = f"{path}.proxy.proxyVersion"
        yield from check_regex(here, match.proxy.proxy_version)
    at_waypoint = match.context is PatchContext.WAYPOINT
    if at_waypoint != (match.waypoint is not None):
        message = "waypoint goes with context WAYPOINT, and the other way round"
        yield problem(f"{path}.waypoint", message)
    if match.waypoint is not None:
        yield from check_port(f"{path}.waypoint.portNumber", match.waypoint.port_number)
    objects = {
        "listener": match.listener,
        "routeConfiguration": match.route_configuration,
        "cluster": match.cluster,
    }
    given = next((name for name, each in objects.items() if each is not None), None)
    wanted = WANTED.get(apply_to) if apply_to is not None else None
    if given is not None and wanted not in (None, given):
        message = f"applyTo {apply_to} is matched by {wanted}, not by {given}"
        yield problem(f"{path}.{given}", message)
    elif match.listener is not None and match.listener.filter_chain is not None:
        chain = match.listener.filter_chain
        yield from _check_filter(f"{path}.listener.filterChain.filter", chain, apply_to)


def _check_filter(
    path: str, chain: FilterChainMatch, apply_to: ApplyTo | None
) -> Iterator[Finding]:
    wanted = chain.filter
    if wanted is None:
        return
    if apply_to in (ApplyTo.LISTENER, ApplyTo.FILTER_CHAIN):
        yield warning(path, f"has no effect with applyTo {apply_to}", "remove it")
    if not wanted.name:
        yield problem(f"{path}.name", "a name is required")
    elif wanted.sub_filter is not None:
        if apply_to is not ApplyTo.HTTP_FILTER:
            yield problem(f"{path}.subFilter", "is for applyTo HTTP_FILTER only")
        elif wanted.name not in MANAGER:
            message = f"subFilter needs the filter {MANAGER[0]}"
            yield problem(f"{path}.name", message)
        elif not wanted.sub_filter.name:
            yield problem(f"{path}.subFilter.name", "a name is required")
