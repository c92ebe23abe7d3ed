"""The mesh, arranged for the questions that translation asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.config.schema.destination_rule import DestinationRule
from meltemi.config.schema.gateway import Gateway
from meltemi.config.schema.peer_authentication import PeerAuthentication
from meltemi.config.schema.virtual_service import VirtualService
from meltemi.pilot.model.service import Service, services

if TYPE_CHECKING:
    from meltemi.config.resource import Resource
    from meltemi.kernel.names import Revision
    from meltemi.pilot.model.mesh import Mesh, MeshConfig


@dataclass(frozen=True, slots=True)
class Index:
    """Every list is oldest first."""

    config: MeshConfig
    revision: Revision
    services: tuple[Service, ...]
    virtual_services: tuple[Resource[VirtualService], ...]
    destination_rules: tuple[Resource[DestinationRule], ...]
    gateways: tuple[Resource[Gateway], ...]
    peer_authentications: tuple[Resource[PeerAuthentication], ...]


def index(mesh: Mesh, config: MeshConfig) -> Index:
    """Return ``mesh`` arranged; costs one pass over it."""
    return Index(
        config=config,
        revision=mesh.revision,
        services=services(mesh),
        virtual_services=mesh.of(VirtualService),
        destination_rules=mesh.of(DestinationRule),
        gateways=mesh.of(Gateway),
        peer_authentications=mesh.of(PeerAuthentication),
    )
