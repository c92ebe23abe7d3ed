"""Everything an analysis looks at: objects, and what Kubernetes would know of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from meltemi.config.analysis.remark import Subject
from meltemi.config.schema.message import Message
from meltemi.config.schema.service_entry import ServiceEntry
from meltemi.config.schema.workload_entry import WorkloadEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.analysis.kubernetes import (
        KubeDeployment,
        KubeNamed,
        KubeService,
        KubeWorkload,
    )
    from meltemi.config.resource import Resource
    from meltemi.config.schema.mesh_config import MeshConfig
    from meltemi.kernel.names import Key

T = TypeVar("T", bound=Message)
DOMAIN = "svc.cluster.local"


@dataclass(frozen=True, slots=True)
class World:
    """All documents of one analysis.

    Without Kubernetes its fields are empty, and workloads are WorkloadEntries.
    """

    objects: tuple[Resource[Message], ...] = ()
    services: tuple[KubeService, ...] = ()
    pods: tuple[KubeWorkload, ...] = ()
    deployments: tuple[KubeDeployment, ...] = ()
    namespaces: tuple[KubeNamed, ...] = ()
    secrets: tuple[KubeNamed, ...] = ()
    mesh: MeshConfig | None = None
    root_namespace: str = "istio-system"
    kubernetes_gateways: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict[str, "tuple[str, ...]"]
    )
    """``NAMESPACE/NAME`` of Gateway API Gateways, and the hosts they listen for."""

    allocated: frozenset[Key] = frozenset()
    """ServiceEntries whose status says that they were given addresses."""

    def of(self, spec: type[T]) -> tuple[Resource[T], ...]:
        """Return the objects of one kind, in the order they came."""
        return tuple(each for each in self.objects if _is_of(each, spec))

    def workloads(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield namespace and labels of everything that runs."""
        for pod in self.pods:
            yield pod.metadata.namespace, pod.metadata.labels
        for entry in self.of(WorkloadEntry):
            labels = {**entry.spec.labels, **entry.metadata.labels}
            yield entry.metadata.namespace, labels

    def hosts(self) -> dict[str, frozenset[str]]:
        """Return every host that can be called, and the namespaces it is seen from.

        ``*`` among the namespaces is everybody.
        """
        found: dict[str, frozenset[str]] = {}
        for service in self.services:
            metadata = service.metadata
            host = f"{metadata.name}.{metadata.namespace}.{DOMAIN}"
            found[host] = frozenset({"*"})
        for entry in self.of(ServiceEntry):
            seen = seen_from(entry.spec.export_to, entry.metadata.namespace)
            for host in entry.spec.hosts:
                found[host] = found.get(host, frozenset()) | seen
        return found


def subject(resource: Resource[Message]) -> Subject:
    """Return ``resource`` as a remark names it."""
    metadata = resource.metadata
    return Subject(resource.kind, metadata.namespace, metadata.name)


def seen_from(export_to: tuple[str, ...], home: str) -> frozenset[str]:
    """Return the namespaces that ``exportTo`` lets see an object of ``home``."""
    if not export_to:
        return frozenset({"*"})
    return frozenset(home if each == "." else each for each in export_to if each != "~")


def full_host(host: str, namespace: str) -> str:
    """Return the full name of a host written in an object of ``namespace``."""
    if "." in host or host.startswith("*") or not host:
        return host
    return f"{host}.{namespace}.{DOMAIN}"


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether all of ``selector`` is among ``labels``."""
    return selector.items() <= labels.items()


def _is_of(resource: Resource[Message], spec: type[T]) -> TypeGuard[Resource[T]]:
    return isinstance(resource.spec, spec)
