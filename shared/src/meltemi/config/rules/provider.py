"""Which providers a mesh has, and which are named although it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.mesh_config import MeshConfig
    from meltemi.config.schema.telemetry import Telemetry

UNKNOWN_PROVIDER: Final = "UNKNOWN_PROVIDER"
"""The code of what is said of it: Istio's analyzers say nothing."""
BUILT_IN: Final = ("envoy", "prometheus")
"""Those that every mesh has (pkg/config/mesh/mesh.go DefaultMeshConfig)."""

Named = tuple[str, str]
"""The path of a field that names a provider, and the name."""


def known_providers(mesh: MeshConfig | None) -> Mapping[str, str]:
    """Return the names of a mesh's providers, by how they are compared."""
    own = mesh.extension_providers if mesh else ()
    return {each.casefold(): each for each in (*BUILT_IN, *(e.name for e in own))}


def named_by_telemetry(spec: Telemetry) -> Iterator[Named]:
    """Yield the providers that a Telemetry names."""
    parts = {
        "tracing": [each.providers for each in spec.tracing],
        "metrics": [each.providers for each in spec.metrics],
        "accessLogging": [each.providers for each in spec.access_logging],
    }
    for part, entries in parts.items():
        for number, providers in enumerate(entries):
            for index, each in enumerate(providers):
                yield f"spec.{part}[{number}].providers[{index}].name", each.name


def named_by_mesh(spec: MeshConfig) -> Iterator[Named]:
    """Yield the providers that are a mesh's defaults."""
    defaults = spec.default_providers
    parts = {
        "tracing": defaults.tracing if defaults else (),
        "metrics": defaults.metrics if defaults else (),
        "accessLogging": defaults.access_logging if defaults else (),
    }
    for part, names in parts.items():
        for index, name in enumerate(names):
            yield f"spec.defaultProviders.{part}[{index}]", name
