"""The ways into other networks, from MeshNetworks.

Source: pilot/pkg/model/network.go.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import lcm
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.schema.mesh_networks import MeshNetworks
    from meltemi.pilot.model.service import Service

DEFAULT_PORT = 15443


@dataclass(frozen=True, slots=True, order=True)
class NetworkGateway:
    """A way into a network: where traffic for its endpoints is sent instead."""

    network: str
    address: str
    port: int
    cluster: str = ""
    """The only cluster whose endpoints it is for; empty: all."""


@dataclass(frozen=True, slots=True)
class NetworkGateways:
    """All of them."""

    all: tuple[NetworkGateway, ...] = ()

    def of(self, network: str, cluster: str) -> tuple[NetworkGateway, ...]:
        """Return the gateways for endpoints of a cluster: its own, else any."""
        within = tuple(each for each in self.all if each.network == network)
        own = tuple(each for each in within if each.cluster == cluster)
        return own or within

    @property
    def scale(self) -> int:
        """What weights are multiplied by, so that gateways can share them evenly."""
        networks = Counter(each.network for each in self.all)
        clusters = Counter((each.network, each.cluster) for each in self.all)
        return lcm(*networks.values(), *clusters.values())


def gateways(
    networks: MeshNetworks, services: Mapping[str, Mapping[str, Service]]
) -> NetworkGateways:
    """Return the gateways that ``networks`` names, by address or by service."""
    return NetworkGateways(tuple(sorted(set(_listed(networks, services)))))


def _listed(
    networks: MeshNetworks, services: Mapping[str, Mapping[str, Service]]
) -> Iterator[NetworkGateway]:
    for name, network in networks.networks.items():
        for each in network.gateways:
            port = each.port or DEFAULT_PORT
            if each.address:
                yield NetworkGateway(name, each.address, port)
                continue
            found = services.get((each.registry_service_name or "").lower(), {})
            for address in _addresses(tuple(found.values())):
                yield NetworkGateway(name, address, port)


def _addresses(services: Sequence[Service]) -> Iterator[str]:
    for service in services:
        yield from dict.fromkeys(
            instance.address for instance in service.instances if instance.address
        )
