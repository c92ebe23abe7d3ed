"""What must hold for MeshNetworks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.rules.hosts import (
    LABEL,
    check_port,
    is_address,
    is_fqdn,
    is_subnet,
)
from meltemi.config.rules.mesh_config import check_singleton
from meltemi.config.rules.problem import problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.finding import Finding
    from meltemi.config.resource import Metadata
    from meltemi.config.schema.mesh_networks import (
        MeshNetworks,
        NetworkEndpoints,
        NetworkGateway,
    )


def check_mesh_networks(spec: MeshNetworks, metadata: Metadata) -> Iterator[Finding]:
    """Yield what Istio's ValidateMeshNetworks says."""
    yield from check_singleton(metadata.name)
    for name, network in spec.networks.items():
        path = f'spec.networks["{name}"]'
        for index, endpoints in enumerate(network.endpoints):
            yield from _check_endpoints(f"{path}.endpoints[{index}]", endpoints)
        for index, gateway in enumerate(network.gateways):
            yield from _check_gateway(f"{path}.gateways[{index}]", gateway)


def _check_endpoints(path: str, endpoints: NetworkEndpoints) -> Iterator[Finding]:
    cidr, registry = endpoints.from_cidr, endpoints.from_registry
    if cidr is None and registry is None:
        yield problem(path, "one of fromCidr and fromRegistry is required")
    if cidr is not None and not is_subnet(cidr):
        yield problem(f"{path}.fromCidr", f"{cidr!r} is not a CIDR range")
    if registry is not None and not LABEL.fullmatch(registry):
        yield problem(f"{path}.fromRegistry", f"{registry!r} is not a registry's name")


def _check_gateway(path: str, gateway: NetworkGateway) -> Iterator[Finding]:
    service, address = gateway.registry_service_name, gateway.address
    if service is None and address is None:
        yield problem(path, "one of registryServiceName and address is required")
    if service is not None and not is_fqdn(service):
        yield problem(f"{path}.registryServiceName", f"{service!r} is not a host")
    if address is not None and not (is_address(address) or is_fqdn(address)):
        message = f"{address!r} is neither an IP address nor a DNS name"
        yield problem(f"{path}.address", message)
    yield from check_port(f"{path}.port", gateway.port)
