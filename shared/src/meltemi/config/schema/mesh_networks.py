"""MeshNetworks: which endpoints reach each other directly, and the ways between."""

from collections.abc import Mapping
from typing import ClassVar

from meltemi.config.schema.message import Message, OneOf
from meltemi.config.values import UInt32


class NetworkEndpoints(OneOf, frozen=True, kw_only=True):
    """Endpoints of a network. One of the fields is set."""

    ONE_OF: ClassVar = (("from_cidr", "from_registry"),)

    from_cidr: str | None = None
    """A CIDR range of addresses."""
    from_registry: str | None = None
    """Every endpoint of the registry with this name."""


class NetworkGateway(OneOf, frozen=True, kw_only=True):
    """A way into a network, by mutual TLS. One of the first two fields is set."""

    ONE_OF: ClassVar = (("registry_service_name", "address"),)

    registry_service_name: str | None = None
    """A service whose endpoints are the gateways."""
    address: str | None = None
    """An IP address or a DNS name."""
    port: UInt32 | None = None
    """Default 15443."""
    locality: str | None = None
    """``region/zone/subzone``."""


class Network(Message, frozen=True, kw_only=True):
    """Endpoints that reach each other directly."""

    endpoints: tuple[NetworkEndpoints, ...] = ()
    gateways: tuple[NetworkGateway, ...] = ()


class MeshNetworks(Message, frozen=True, kw_only=True):
    """The networks of the mesh by name."""

    networks: Mapping[str, Network] = {}
