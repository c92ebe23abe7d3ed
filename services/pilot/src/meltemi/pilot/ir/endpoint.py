"""Who answers for a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meltemi.pilot.ir.origin import Origins


@dataclass(frozen=True, slots=True)
class Locality:
    """A place, from wide to narrow; empty strings where unknown."""

    region: str = ""
    zone: str = ""
    subzone: str = ""


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


@dataclass(frozen=True, slots=True)
class LocalityEndpoints:
    """The endpoints of one place."""

    locality: Locality | None
    """None where places mean nothing."""
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class LoadAssignment:
    """The endpoints of one cluster, by place."""

    cluster: str
    localities: tuple[LocalityEndpoints, ...]
    origins: Origins = ()
