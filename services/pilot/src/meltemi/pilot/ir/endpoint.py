"""Who answers for a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.origin import Origins


@dataclass(frozen=True, slots=True, order=True)
class Locality:
    """A place, from wide to narrow; empty strings where unknown."""

    region: str = ""
    zone: str = ""
    subzone: str = ""


class EndpointHealth(StrEnum):
    """What is known of an endpoint's health."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One instance that can be sent traffic.

    ``tls`` says that it speaks the mesh's mutual TLS; ``workload`` is Istio's
    ``name;namespace;canonical-name;canonical-revision;cluster``.
    """

    address: str
    port: int
    tls: bool
    weight: int = 1
    workload: str = ""
    more_addresses: tuple[str, ...] = ()
    health: EndpointHealth = EndpointHealth.HEALTHY
    app: str = ""
    version: str = ""
    cluster: str = ""
    """Labels of the workload and the cluster it is in, for metrics."""


@dataclass(frozen=True, slots=True)
class LocalityEndpoints:
    """The endpoints of one place.

    ``weight`` is the place's share of the traffic; None: that of its endpoints.
    ``priority`` 0 is used first.
    """

    locality: Locality | None
    """None where places mean nothing."""
    endpoints: tuple[Endpoint, ...]
    weight: int | None = None
    priority: int = 0

    @property
    def share(self) -> int:
        """The place's weight."""
        if self.weight is not None:
            return self.weight
        return sum(each.weight for each in self.endpoints)


@dataclass(frozen=True, slots=True)
class LoadAssignment:
    """The endpoints of one cluster, by place."""

    cluster: str
    localities: tuple[LocalityEndpoints, ...]
    counted: bool = False
    """Whether metrics ask for the endpoints' workloads."""
    origins: Origins = ()
