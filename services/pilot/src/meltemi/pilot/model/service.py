"""Services and who answers for them, wherever they were described."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot.ir import Locality, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.pilot.model.protocol import Protocol

UNSPECIFIED: Final = "0.0.0.0"  # noqa: S104 - the address of a service without one
UNIX: Final = "unix://"
NOBODY: Final = Origin("", "", "")


class Registry(StrEnum):
    """Where a service was described."""

    EXTERNAL = "External"
    """In a ServiceEntry."""
    KUBERNETES = "Kubernetes"
    """In Kubernetes' own objects."""
    MOCK = "Mock"
    """Put together by hand."""


class Health(StrEnum):
    """Whether an endpoint can be sent traffic."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"
    TERMINATING = "terminating"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service."""

    number: int
    name: str
    protocol: Protocol
    target: int = 0
    """Where instances listen that don't say otherwise; 0: on the same number."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One endpoint of one port of a service: Istio's IstioEndpoint.

    ``tls`` says that it speaks the mesh's mutual TLS.
    """

    addresses: tuple[str, ...]
    port: int
    """0 for a Unix socket."""
    port_name: str
    name: str = ""
    """The workload's."""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    locality: Locality = field(default_factory=Locality)
    network: str = ""
    cluster: str = ""
    weight: int = 0
    """Share of the traffic; 0 counts as 1."""
    service_account: str = ""
    """The SPIFFE id it shows, or only the account's name."""
    tls: bool | None = False
    """None where nobody said: plain text, but no reason to think it can't."""
    health: Health = Health.HEALTHY
    host_name: str = ""
    sub_domain: str = ""
    node: str = ""
    discoverable_in: str = ""
    """The only cluster whose proxies may use it; empty: all."""

    @property
    def address(self) -> str:
        """The first of its addresses; empty when it has none."""
        return self.addresses[0] if self.addresses else ""


@dataclass(frozen=True, slots=True)
class Service:
    """A host that can be called, and who answers. One per host and address."""

    host: str
    name: str
    namespace: str
    ports: tuple[Port, ...]
    resolution: Resolution = Resolution.STATIC
    external: bool = False
    export_to: tuple[str, ...] = ()
    address: str = UNSPECIFIED
    """The virtual IP address or CIDR range clients connect to."""
    cluster_addresses: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    """Virtual addresses by cluster, where a service has several."""
    automatic_addresses: tuple[str, ...] = ()
    """Given by the mesh to a service that has none, IPv4 first."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    selector: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels of the workloads that answer; empty when it selects none."""
    instances: tuple[Instance, ...] = field(default=(), repr=False)
    subject_alt_names: tuple[str, ...] = ()
    created: str = ""
    """RFC 3339; empty is before all others."""
    registry: Registry = Registry.EXTERNAL
    alias_of: str = ""
    """The host an ExternalName service stands for."""
    aliases: tuple[str, ...] = ()
    """Hosts of services that stand for this one."""
    node_local: bool = False
    origin: Origin = NOBODY

    @property
    def headless(self) -> bool:
        """Whether clients connect to the endpoints' own addresses."""
        return self.resolution is Resolution.NONE and bool(self.instances)

    @property
    def naming(self) -> tuple[object, ...]:
        """All that its names depend on: equal whoever answers for it."""
        return (
            self.host,
            self.aliases,
            self.registry,
            self.resolution,
            self.address,
            tuple(self.cluster_addresses.items()),
            self.automatic_addresses,
        )

    def port(self, number: int) -> Port | None:
        """Return the port with that number."""
        return next((each for each in self.ports if each.number == number), None)

    def of(self, port: Port) -> tuple[Instance, ...]:
        """Return the endpoints of one port, which names them."""
        return tuple(each for each in self.instances if each.port_name == port.name)


def only_port(service: Service | None) -> int | None:
    """Return the number of the only port of ``service``; None: it has none, or more."""
    ports = service.ports if service else ()
    return ports[0].number if len(ports) == 1 else None


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether all of ``selector`` is among ``labels``.

    No other label is looked at (`meltemi.pilot.scope.observed`).
    """
    return all(labels.get(name) == value for name, value in selector.items())


def by_age(service: Service) -> tuple[str, str]:
    """Return a key that sorts older services first, then by name and namespace.

    Source:
        pilot/pkg/model/push_context.go SortServicesByCreationTime.

    """
    return (service.created, f"{service.name}.{service.namespace}")
