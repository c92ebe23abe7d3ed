"""What of a pod the injector reads. The rest is the API server's affair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.injector.workload import Port, Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

UNNAMED_ACCOUNT: Final = "default"
TCP: Final = "TCP"
PROXY: Final = "istio-proxy"
TEMPLATE_HASH: Final = "pod-template-hash"


class ContainerPort(msgspec.Struct, frozen=True, rename="camel"):
    """A port that a container says it serves."""

    container_port: int
    name: str = ""
    protocol: str = TCP


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """A container."""

    name: str
    ports: tuple[ContainerPort, ...] | None = None
    readiness_probe: dict[str, object] | None = None
    liveness_probe: dict[str, object] | None = None
    startup_probe: dict[str, object] | None = None

    def port(self, named: object) -> object:
        """Return the number that a probe's port means, which may be a name."""
        for each in self.ports or ():
            if each.name and each.name == named:
                return each.container_port
        return named


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    """What runs in a pod."""

    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] | None = None
    volumes: tuple[dict[str, object], ...] | None = None
    host_network: bool = False
    service_account_name: str = ""

    @property
    def all_containers(self) -> tuple[Container, ...]:
        """Those that start and those that run."""
        return (*(self.init_containers or ()), *self.containers)


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What a pod is called."""

    name: str = ""
    generate_name: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Pod(msgspec.Struct, frozen=True):
    """A pod."""

    spec: Spec
    metadata: Metadata = Metadata()

    @property
    def labels(self) -> Mapping[str, str]:
        """By which others select it."""
        return self.metadata.labels or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """What is said of it to whom it may concern."""
        return self.metadata.annotations or {}

    @property
    def called(self) -> str:
        """Its name; where the API server makes one up, that of what made the pod.

        Source: Istio, pkg/kube, ``GetWorkloadMetaFromPod``: a ReplicaSet's name ends
        with the hash of the Deployment's template.
        """
        if self.metadata.name:
            return self.metadata.name
        made_by = self.metadata.generate_name.rstrip("-")
        return made_by.removesuffix(f"-{self.labels.get(TEMPLATE_HASH)}") or "pod"


def workload_of(pod: Pod, namespace: str) -> Workload:
    """Return the workload that ``pod`` is."""
    ports: dict[int, Port] = {}
    for container in pod.spec.containers:
        for each in container.ports or ():
            if each.protocol == TCP:
                name = each.name or f"tcp-{each.container_port}"
                ports.setdefault(each.container_port, Port(each.container_port, name))
    return Workload(
        name=pod.called,
        namespace=namespace,
        account=pod.spec.service_account_name or UNNAMED_ACCOUNT,
        labels=pod.labels,
        annotations=pod.annotations,
        ports=tuple(ports.values()),
    )
