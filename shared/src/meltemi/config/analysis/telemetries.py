"""Telemetry that nobody receives.

Source: pkg/config/analysis/analyzers/telemetry/provider.go; of a provider that is not
there Istio says nothing but a line of istiod's log (pilot/pkg/model/telemetry.go
fetchProvider).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, quoted, remark
from meltemi.config.analysis.world import World, subject
from meltemi.config.rules.provider import (
    UNKNOWN_PROVIDER,
    known_providers,
    named_by_telemetry,
)
from meltemi.config.schema.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark

NO_PROVIDER = Message(
    "IST0157",
    Level.WARNING,
    "The Telemetry %s in namespace %s with empty providers will be ignored.",
)

NO_SUCH_PROVIDER = Message(
    UNKNOWN_PROVIDER,
    Level.WARNING,
    "The Telemetry %s in namespace %s names the provider %s, which is none of the "
    "mesh's extensionProviders: it is told nothing. There are %s.",
)


def without_providers(world: World) -> Iterator[Remark]:
    """Yield a remark a Telemetry whose logs go nowhere, in a mesh without a default."""
    defaults = world.mesh.default_providers if world.mesh else None
    if defaults and defaults.access_logging:
        return
    for each in world.of(Telemetry):
        metadata = each.metadata
        for number, logging in enumerate(each.spec.access_logging):
            if not logging.providers:
                yield remark(
                    NO_PROVIDER,
                    subject(each),
                    metadata.name,
                    quoted(metadata.namespace),
                    path=f"spec.accessLogging[{number}]",
                )
                break


def unknown_providers(world: World) -> Iterator[Remark]:
    """Yield a remark for each provider that a Telemetry names and the mesh lacks."""
    known = known_providers(world.mesh)
    for each in world.of(Telemetry):
        metadata = each.metadata
        for path, name in named_by_telemetry(each.spec):
            if name.casefold() not in known:
                yield remark(
                    NO_SUCH_PROVIDER,
                    subject(each),
                    metadata.name,
                    quoted(metadata.namespace),
                    quoted(name),
                    ", ".join(known.values()),
                    path=path,
                )
