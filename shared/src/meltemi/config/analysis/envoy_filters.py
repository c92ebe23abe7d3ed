"""EnvoyFilters: patches that will not do what their author expects.

Source: pkg/config/analysis/analyzers/envoyfilter/envoyfilter.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, remark
from meltemi.config.analysis.world import World, subject
from meltemi.config.schema.envoy_filter import (
    ApplyTo,
    ConfigPatch,
    EnvoyFilter,
    Operation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark
    from meltemi.config.resource import Resource

RELATIVE = Message(
    "IST0151",
    Level.WARNING,
    "This EnvoyFilter does not have a priority and has a relative patch operation set "
    "which can cause the EnvoyFilter not to be applied. Using the INSERT_FIRST of ADD "
    "option or setting the priority may help in ensuring the EnvoyFilter is applied "
    "correctly.",
)
RELATIVE_WITH_VERSION = Message(
    "IST0155",
    Level.WARNING,
    "This EnvoyFilter does not have a priority and has a relative patch operation "
    "(NSTERT_BEFORE/AFTER, REPLACE, MERGE, DELETE) and proxyVersion set which can "
    "cause the EnvoyFilter not to be applied during an upgrade. Using the INSERT_FIRST "
    "or ADD option or setting the priority may help in ensuring the EnvoyFilter is "
    "applied correctly.",
)
REPLACE = Message(
    "IST0152",
    Level.ERROR,
    "The REPLACE operation is only valid for HTTP_FILTER and NETWORK_FILTER.",
)
ADD = Message(
    "IST0153",
    Level.ERROR,
    "The ADD operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, or "
    "HTTP_ROUTE.",
)
REMOVE = Message(
    "IST0154",
    Level.ERROR,
    "The REMOVE operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, "
    "or HTTP_ROUTE.",
)
DEPENDING = {
    Operation.INSERT_BEFORE,
    Operation.INSERT_AFTER,
    Operation.REMOVE,
    Operation.REPLACE,
    Operation.MERGE,
}
"""Operations that need something to be there already."""
ROUTES = (ApplyTo.ROUTE_CONFIGURATION, ApplyTo.HTTP_ROUTE)
FILTERS = (ApplyTo.HTTP_FILTER, ApplyTo.NETWORK_FILTER)


def ineffective_patches(world: World) -> Iterator[Remark]:
    """Yield what is wrong with each patch: it is ignored, or depends on its luck."""
    for each in world.of(EnvoyFilter):
        relative = with_version = False
        for number, patch in enumerate(each.spec.config_patches):
            operation = patch.patch.operation if patch.patch else None
            path = f"spec.configPatches[{number}].patch.operation"
            if operation in DEPENDING and not each.spec.priority:
                relative |= operation is not Operation.MERGE
                with_version |= _names_version(patch)
            yield from _ignored(each, patch, operation, path)
        if with_version:
            yield remark(RELATIVE_WITH_VERSION, subject(each))
        elif relative and not _ignored_altogether(each):
            yield remark(RELATIVE, subject(each))


def _ignored(
    each: Resource[EnvoyFilter],
    patch: ConfigPatch,
    operation: Operation | None,
    path: str,
) -> Iterator[Remark]:
    if operation is Operation.ADD and patch.apply_to in ROUTES:
        yield remark(ADD, subject(each), path=path)
    if operation is Operation.REMOVE and patch.apply_to in ROUTES:
        yield remark(REMOVE, subject(each), path=path)
    if operation is Operation.REPLACE and patch.apply_to not in FILTERS:
        yield remark(REPLACE, subject(each), path=path)


def _ignored_altogether(each: Resource[EnvoyFilter]) -> bool:
    """Tell whether every patch that depends on others is ignored anyway."""
    return all(
        patch.apply_to in ROUTES
        for patch in each.spec.config_patches
        if patch.patch and patch.patch.operation in DEPENDING
    )


def _names_version(patch: ConfigPatch) -> bool:
    proxy = patch.match.proxy if patch.match else None
    return bool(proxy and proxy.proxy_version)
