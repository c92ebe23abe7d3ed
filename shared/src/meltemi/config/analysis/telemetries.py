"""Telemetry that nobody receives.

Source: pkg/config/analysis/analyzers/telemetry/provider.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import Level, Message, quoted, remark
from meltemi.config.analysis.world import World, subject
from meltemi.config.schema.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.remark import Remark

NO_PROVIDER = Message(
    "IST0157",
    Level.WARNING,
    "The Telemetry %s in namespace %s with empty providers will be ignored.",
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
