"""The hosts that a gateway's routes and MeshConfig's providers name.

Source: pilot/pkg/model/push_context.go GatewayServices and addHostsFromMeshConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.extension_provider import Provider
from meltemi.pilot.model.host import resolve
from meltemi.pilot.scope.egress import all_destinations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.scope.scope import Scope


def named_hosts(scope: Scope) -> frozenset[str]:
    """Return what a gateway has a use for: the other services may be left out."""
    return frozenset((*_routed(scope), *_provided(scope)))


def _routed(scope: Scope) -> Iterator[str]:
    for gateway in scope.gateways:
        title = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
        for virtual in scope.bound(title):
            for home, destination in all_destinations(virtual, scope.index):
                yield resolve(destination.host, home, scope.config.domain_suffix)


def _provided(scope: Scope) -> Iterator[str]:
    for each in scope.config.document.extension_providers:
        for field in each.__struct_fields__:
            provider = getattr(each, field)
            if isinstance(provider, Provider):
                yield provider.service.rpartition("/")[2]
