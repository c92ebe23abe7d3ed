"""Kubernetes Services: names of ports, and workloads that several claim.

Source: pkg/config/analysis/analyzers/service/portname.go and
analyzers/deployment/services.go.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from meltemi.config.analysis.remark import (
    Level,
    Message,
    Subject,
    listed,
    quoted,
    remark,
)
from meltemi.config.analysis.world import World, selects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.analysis.kubernetes import KubeDeployment, KubePort, KubeService
    from meltemi.config.analysis.remark import Remark

UNCONVENTIONAL = Message(
    "IST0118",
    Level.INFO,
    "Port name %s (port: %d, targetPort: %s) doesn't follow the naming convention of "
    "Istio port.",
)
EXTERNAL_NAME = Message(
    "IST0150",
    Level.WARNING,
    "Port name for ExternalName service is invalid. Proxy may prevent tcp named ports "
    "and unmatched traffic for ports serving TCP protocol from being forwarded "
    "correctly",
)
SEVERAL_SERVICES = Message(
    "IST0116",
    Level.WARNING,
    "This deployment %s is associated with multiple services using port %d but "
    "different protocols: %s",
)
PORTS_DIFFER = Message(
    "IST0137",
    Level.WARNING,
    "This deployment %s is associated with multiple services %s using targetPort %s "
    "but different ports: %s.",
)
PROTOCOLS = (
    *("grpc", "grpc-web", "http", "http2", "https", "mongo", "mysql"),
    *("redis", "tcp", "tls", "udp", "hbone"),
)
SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
INJECT = "sidecar.istio.io/inject"
MANAGED = "gateway.istio.io/managed"


def port_names(world: World) -> Iterator[Remark]:
    """Yield a remark a port whose name says nothing of its protocol, or the wrong."""
    for service in world.services:
        metadata = service.metadata
        system = (*SYSTEM_NAMESPACES, world.root_namespace)
        if metadata.namespace in system or MANAGED in metadata.labels:
            continue
        external = service.spec.type == "ExternalName"
        for number, port in enumerate(service.spec.ports):
            where = f"spec.ports[{number}].name"
            about = Subject("Service", metadata.namespace, metadata.name)
            protocol = _protocol(port)
            if external and protocol in ("", "tcp"):
                yield remark(EXTERNAL_NAME, about, path=where)
            elif not external and not protocol:
                arguments = (port.name, port.port, port.target)
                yield remark(UNCONVENTIONAL, about, *arguments, path=where)


def shared_deployments(world: World) -> Iterator[Remark]:
    """Yield a remark a Deployment that Services disagree about."""
    for deployment in world.deployments:
        if not _in_mesh(deployment, world):
            continue
        claimants = [
            service
            for service in world.services
            if service.metadata.namespace == deployment.metadata.namespace
            and service.spec.selector
            and selects(service.spec.selector, deployment.spec.template.metadata.labels)
        ]
        yield from _disagreements(deployment, claimants)


def _in_mesh(deployment: KubeDeployment, world: World) -> bool:
    """Tell whether its Pods get a proxy: they say so themselves, or their namespace."""
    pod = deployment.spec.template.metadata
    said = {**pod.annotations, **pod.labels}.get(INJECT)
    if said is not None:
        return said == "true"
    return any(
        each.metadata.name == deployment.metadata.namespace
        and (
            each.metadata.labels.get("istio-injection") == "enabled"
            or "istio.io/rev" in each.metadata.labels
        )
        for each in world.namespaces
    )


def _disagreements(
    deployment: KubeDeployment, claimants: list[KubeService]
) -> Iterator[Remark]:
    metadata = deployment.metadata
    about = Subject("Deployment", metadata.namespace, metadata.name)
    name = f"{metadata.name}.{metadata.namespace}"
    protocols: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    ports: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for service in claimants:
        title = f"{service.metadata.name}.{service.metadata.namespace}"
        for port in service.spec.ports:
            protocols[port.port][port.protocol or "TCP"].append(title)
            ports[str(port.target)][port.port].append(title)
    for number, said in sorted(protocols.items()):
        if len(said) > 1:
            titles = sorted({each for group in said.values() for each in group})
            yield remark(SEVERAL_SERVICES, about, name, number, listed(titles))
    for target, used in sorted(ports.items()):
        if len(used) > 1:
            titles = sorted({each for group in used.values() for each in group})
            numbers = listed(sorted(used))
            arguments = (name, listed(titles), quoted(target), numbers)
            yield remark(PORTS_DIFFER, about, *arguments)


def _protocol(port: KubePort) -> str:
    """Return the protocol that a port's name or appProtocol says; "" for none."""
    if port.protocol == "UDP":
        return "udp"
    said = (port.app_protocol or port.name).lower()
    return next(
        (each for each in PROTOCOLS if said == each or said.startswith(f"{each}-")), ""
    )
