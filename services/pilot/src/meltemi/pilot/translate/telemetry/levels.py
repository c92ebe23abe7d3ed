"""What Telemetry says at each level, for the proxies of a scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.telemetry import WorkloadMode
from meltemi.pilot.scope.proxy import home_among
from meltemi.pilot.scope.telemetry import telemetries

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.config.schema.extension_provider import ExtensionProvider
    from meltemi.config.schema.telemetry import SideMatch, Telemetry
    from meltemi.pilot.scope.scope import Scope

CLIENT, SERVER = WorkloadMode.CLIENT, WorkloadMode.SERVER
SIDES = (CLIENT, SERVER)


def levels(scope: Scope) -> tuple[Resource[Telemetry], ...]:
    """Return the mesh's, the namespace's and the workload's, as far as there are."""
    return telemetries(
        scope.index.telemetries,
        root_namespace=scope.config.root_namespace,
        namespace=home_among(scope.group, scope.index.telemetries),
        labels=scope.group.label_map,
    )


def matched(match: SideMatch | None) -> tuple[WorkloadMode, ...]:
    """Return the sides of a call that something is about."""
    said = match.mode if match else None
    return (said,) if said in SIDES else SIDES


def provider(scope: Scope, name: str) -> ExtensionProvider | None:
    """Return the mesh's provider called ``name``, in whatever case."""
    wanted = name.casefold()
    every = scope.config.document.extension_providers
    return next((each for each in every if each.name.casefold() == wanted), None)
