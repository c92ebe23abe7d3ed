"""Services and their instances, from ServiceEntry and WorkloadEntry."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import (
    Location,
    Resolution,
    ServiceEntry,
    ServicePort,
)
from meltemi.config.schema.workload_entry import WorkloadEntry
from meltemi.pilot.ir import Locality, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.pilot.model.mesh import Mesh

TLS_MODE_LABEL = "security.istio.io/tlsMode"
UNIX = "unix://"


class Protocol(StrEnum):
    """What a port speaks, as far as Envoy must know."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    TCP = "TCP"

    @property
    def is_http(self) -> bool:
        """Whether requests can be told apart and routed one by one."""
        return self is not Protocol.TCP


PROTOCOLS = {
    "HTTP": Protocol.HTTP,
    "HTTP_PROXY": Protocol.HTTP,
    "HTTP2": Protocol.HTTP2,
    "GRPC": Protocol.HTTP2,
    "GRPC-WEB": Protocol.HTTP2,
}


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service."""

    number: int
    name: str
    protocol: Protocol
    target: int
    """Where instances listen that don't say otherwise."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One workload that answers for a service.

    ``ports`` has, by port name, where it listens when that is not the service's own.
    """

    address: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    locality: Locality
    weight: int
    service_account: str
    tls: bool

    def port(self, port: Port) -> int:
        """Return where this instance listens for ``port``; 0 for a Unix socket."""
        if self.address.startswith(UNIX):
            return 0
        return self.ports.get(port.name, port.target)


@dataclass(frozen=True, slots=True)
class Service:
    """A host that can be called, and who answers."""

    host: str
    name: str
    namespace: str
    ports: tuple[Port, ...]
    resolution: Resolution
    external: bool
    export_to: tuple[str, ...]
    selector: Mapping[str, str]
    """Labels of the workloads that answer; empty when it selects none."""
    instances: tuple[Instance, ...] = field(repr=False)
    subject_alt_names: tuple[str, ...]
    origin: Origin


def services(mesh: Mesh) -> tuple[Service, ...]:
    """Return the services of ``mesh``, oldest first; the oldest has a host's name.

    A host in two namespaces is two services: which one a proxy sees depends on who
    looks (`meltemi.pilot.scope`).
    """
    workloads: dict[str, list[Resource[WorkloadEntry]]] = {}
    for workload in mesh.of(WorkloadEntry):
        workloads.setdefault(workload.metadata.namespace, []).append(workload)
    found: dict[tuple[str, str], Service] = {}
    for entry in mesh.of(ServiceEntry):
        members = workloads.get(entry.metadata.namespace, [])
        for service in _of_entry(entry, members):
            found.setdefault((service.namespace, service.host), service)
    return tuple(found.values())


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether all of ``selector`` is among ``labels``."""
    return selector.items() <= labels.items()


def _of_entry(
    entry: Resource[ServiceEntry], workloads: Sequence[Resource[WorkloadEntry]]
) -> Iterator[Service]:
    spec, metadata = entry.spec, entry.metadata
    selector = spec.workload_selector.labels if spec.workload_selector else {}
    for host in spec.hosts:
        instances = tuple(_instances(entry, host, workloads))
        yield Service(
            host=host.lower(),
            name=host.split(".", 1)[0].lower(),
            namespace=metadata.namespace,
            ports=tuple(_port(each) for each in spec.ports),
            resolution=spec.resolution or Resolution.NONE,
            external=spec.location is not Location.MESH_INTERNAL,
            export_to=spec.export_to,
            selector=selector,
            instances=instances,
            subject_alt_names=spec.subject_alt_names,
            origin=Origin(entry.kind, metadata.namespace, metadata.name),
        )


def _port(port: ServicePort) -> Port:
    protocol = PROTOCOLS.get((port.protocol or "").upper(), Protocol.TCP)
    return Port(port.number, port.name, protocol, port.target_port or port.number)


def _instances(
    entry: Resource[ServiceEntry],
    host: str,
    workloads: Sequence[Resource[WorkloadEntry]],
) -> Iterator[Instance]:
    spec = entry.spec
    namespace = entry.metadata.namespace
    for number, inline in enumerate(spec.endpoints):
        name = f"{entry.metadata.name}-{number}"
        yield _instance(inline, name, namespace, inline.labels)
    if spec.workload_selector:
        for workload in workloads:
            # Istio lets labels of the object win over those of its specification.
            labels = {**workload.spec.labels, **workload.metadata.labels}
            if selects(spec.workload_selector.labels, labels):
                yield _instance(
                    workload.spec, workload.metadata.name, namespace, labels
                )
    by_name = spec.resolution in (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)
    if by_name and not spec.endpoints and not spec.workload_selector:
        yield _instance(WorkloadEntry(address=host), host, namespace, {})


def _instance(
    entry: WorkloadEntry, name: str, namespace: str, labels: Mapping[str, str]
) -> Instance:
    account = entry.service_account or ""
    return Instance(
        address=entry.address or "",
        name=name,
        namespace=namespace,
        labels=labels,
        ports=entry.ports,
        locality=Locality(*(entry.locality or "").split("/")[:3]),
        weight=entry.weight or 1,
        service_account=account,
        tls=bool(account) or labels.get(TLS_MODE_LABEL) == "istio",
    )
