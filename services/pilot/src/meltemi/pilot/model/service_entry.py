"""Services from ServiceEntries, and endpoints from WorkloadEntries.

Source: pilot/pkg/serviceregistry/serviceentry/conversion.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.service_entry import (
    Location,
    Resolution,
    ServiceEntry,
    ServicePort,
)
from meltemi.pilot.ir import Locality, Origin
from meltemi.pilot.model.protocol import protocol
from meltemi.pilot.model.service import (
    UNIX,
    UNSPECIFIED,
    Health,
    Instance,
    Port,
    Service,
    selects,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.workload_entry import WorkloadEntry

TLS_MODE_LABEL: Final = "security.istio.io/tlsMode"
CHECKED: Final = "proxy.istio.io/health-checks-enabled"
"""Istio's annotation for an entry that is called only while it is found to be well."""
HEALTHY: Final = "proxy.meltemi.io/healthy"
"""Ours, from the agent: what Istio has as the condition ``Healthy`` of the entry."""
BY_NAME: Final = (Resolution.DNS, Resolution.DNS_ROUND_ROBIN)


def services(
    entry: Resource[ServiceEntry],
    workloads: Sequence[Resource[WorkloadEntry]],
    trust_domain: str,
) -> Iterator[Service]:
    """Yield a service for each host and address of ``entry``.

    Args:
        entry: What describes them.
        workloads: Those of its namespace, from which it may select.
        trust_domain: What the identities of workloads begin with.

    """
    for host in entry.spec.hosts:
        yield from _of_host(entry, host.lower(), workloads, trust_domain)


def _of_host(
    entry: Resource[ServiceEntry],
    host: str,
    workloads: Sequence[Resource[WorkloadEntry]],
    trust_domain: str,
) -> Iterator[Service]:
    spec, metadata = entry.spec, entry.metadata
    instances = tuple(_instances(entry, host, workloads, trust_domain))
    for address in tuple(_addresses(spec)) or (UNSPECIFIED,):
        yield Service(
            host=host,
            name=host,
            namespace=metadata.namespace,
            ports=tuple(_port(each) for each in spec.ports),
            resolution=spec.resolution or Resolution.NONE,
            external=spec.location is not Location.MESH_INTERNAL,
            export_to=spec.export_to,
            address=address,
            labels=metadata.labels,
            annotations=metadata.annotations,
            selector=(spec.workload_selector.labels if spec.workload_selector else {}),
            instances=instances,
            subject_alt_names=spec.subject_alt_names,
            created=metadata.creation_timestamp,
            origin=Origin(entry.kind, metadata.namespace, metadata.name),
        )


def _addresses(spec: ServiceEntry) -> Iterator[str]:
    """Yield the entry's addresses; a range of one address is that address."""
    for written in spec.addresses:
        try:
            network = ip_network(written, strict=False)
        except ValueError:
            continue
        single = network.prefixlen == network.max_prefixlen
        yield written.partition("/")[0] if single else written


def _port(port: ServicePort) -> Port:
    return Port(port.number, port.name, protocol(port.protocol), port.target_port or 0)


def _instances(
    entry: Resource[ServiceEntry],
    host: str,
    workloads: Sequence[Resource[WorkloadEntry]],
    trust_domain: str,
) -> Iterator[Instance]:
    spec, namespace = entry.spec, entry.metadata.namespace
    for port in spec.ports:
        for number, inline in enumerate(spec.endpoints):
            name = f"{entry.metadata.name}-{number}"
            workload = _Workload(name, namespace, inline.labels, trust_domain)
            yield _instance(inline, port, workload)
        for each in _selected(spec, workloads):
            labels = workload_labels(each)
            named = _Workload(
                each.metadata.name, namespace, labels, trust_domain, health(each)
            )
            yield _instance(each.spec, port, named)
        if _itself(spec):
            number = port.target_port or port.number
            yield Instance((host,), number, port.name, name="", namespace=namespace)


def _itself(spec: ServiceEntry) -> bool:
    """Tell whether the host is looked up, since no endpoints are given."""
    by_name = spec.resolution in BY_NAME
    return by_name and not spec.endpoints and not spec.workload_selector


def _selected(
    spec: ServiceEntry, workloads: Sequence[Resource[WorkloadEntry]]
) -> Iterator[Resource[WorkloadEntry]]:
    if spec.workload_selector is None:
        return
    for workload in workloads:
        if selects(spec.workload_selector.labels, workload_labels(workload)):
            yield workload


def workload_labels(workload: Resource[WorkloadEntry]) -> Mapping[str, str]:
    """Return a workload's labels: the object's own win over its specification's."""
    return {**workload.spec.labels, **workload.metadata.labels}


def health(workload: Resource[WorkloadEntry]) -> Health:
    """Return whether a workload may be called: one nobody looks at always may.

    Source: pilot/pkg/autoregistration/internal/health and serviceentry/controller.go
    isHealthy.
    """
    said = workload.metadata.annotations
    looked_at = said.get(CHECKED, "").lower() == "true"
    fine = not looked_at or said.get(HEALTHY) == "True"
    return Health.HEALTHY if fine else Health.UNHEALTHY


def identity(entry: WorkloadEntry, namespace: str, trust_domain: str) -> str:
    """Return the SPIFFE id of a workload; empty when it has no service account."""
    if not entry.service_account:
        return ""
    return f"spiffe://{trust_domain}/ns/{namespace}/sa/{entry.service_account}"


def speaks_mesh_tls(entry: WorkloadEntry, labels: Mapping[str, str]) -> bool:
    """Tell whether a workload takes mutual TLS: by its label, else by its account."""
    if TLS_MODE_LABEL in labels:
        return labels[TLS_MODE_LABEL] == "istio"
    return bool(entry.service_account)


@dataclass(frozen=True, slots=True)
class _Workload:
    name: str
    namespace: str
    labels: Mapping[str, str]
    trust_domain: str
    health: Health = Health.HEALTHY


def _instance(entry: WorkloadEntry, port: ServicePort, workload: _Workload) -> Instance:
    address = entry.address or ""
    number = entry.ports.get(port.name) or port.target_port or port.number
    return Instance(
        addresses=(address,) if address else (),
        port=0 if address.startswith(UNIX) else number,
        port_name=port.name,
        name=workload.name,
        namespace=workload.namespace,
        labels=workload.labels,
        locality=place(entry.locality),
        network=entry.network or "",
        weight=entry.weight or 0,
        service_account=identity(entry, workload.namespace, workload.trust_domain),
        tls=speaks_mesh_tls(entry, workload.labels),
        health=workload.health,
    )


def place(written: str | None) -> Locality:
    """Return the place ``region/zone/subzone`` spells; parts may be missing."""
    return Locality(*(written or "").split("/")[:3])
