"""The part of the mesh that matters to one class of proxies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.pilot.model.host import covers, resolve, specificity
from meltemi.pilot.model.service import Service, selects
from meltemi.pilot.scope.authentication import mutual_tls
from meltemi.pilot.scope.destination import destination_rule
from meltemi.pilot.scope.visibility import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.config.schema.gateway import Gateway
    from meltemi.config.schema.peer_authentication import (
        MutualTLSMode,
        PeerAuthentication,
    )
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.model.mesh import MeshConfig
    from meltemi.pilot.model.service import Instance, Port
    from meltemi.pilot.scope.proxy import ProxyClass

MESH_GATEWAY = "mesh"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a class of proxies may see, and what holds for it.

    Attributes:
        group: The class.
        config: What holds mesh-wide.
        services: By host; of two with one host the proxy's own namespace wins.
        own: The services the workload itself answers for.
        virtual_services: Those for the mesh or for one of ``gateways``, oldest first.
        delegates: The VirtualServices without hosts, by namespace and name; whether a
            root may use one is decided by the root's namespace, not by the proxy's.
        rules: By host of the service: the DestinationRule that holds for it.
        gateways: Those a gateway proxy serves, oldest first; empty for a sidecar.
        policies: Every PeerAuthentication, oldest first.

    """

    group: ProxyClass
    config: MeshConfig
    services: Mapping[str, Service]
    own: tuple[Service, ...]
    virtual_services: tuple[Resource[VirtualService], ...]
    delegates: Mapping[tuple[str, str], Resource[VirtualService]]
    rules: Mapping[str, Resource[DestinationRule]]
    gateways: tuple[Resource[Gateway], ...]
    policies: tuple[Resource[PeerAuthentication], ...]

    def rule(self, host: str) -> Resource[DestinationRule] | None:
        """Return the DestinationRule for ``host``, if one holds."""
        return self.rules.get(host)

    def virtual_service(self, host: str) -> Resource[VirtualService] | None:
        """Return the VirtualService with the narrowest host that covers ``host``."""
        best: tuple[tuple[bool, int], Resource[VirtualService]] | None = None
        for each in self.virtual_services:
            if MESH_GATEWAY not in (each.spec.gateways or (MESH_GATEWAY,)):
                continue
            for pattern in hosts(each, self.config):
                rank = specificity(pattern)
                if covers(pattern, host) and (best is None or rank > best[0]):
                    best = (rank, each)
        return best[1] if best else None

    def mutual_tls(
        self, namespace: str, labels: Mapping[str, str], port: int
    ) -> MutualTLSMode:
        """Return what PeerAuthentication says about a workload's port."""
        return mutual_tls(
            self.policies,
            root_namespace=self.config.root_namespace,
            namespace=namespace,
            labels=labels,
            port=port,
        )

    def instance_mode(self, instance: Instance, port: Port) -> MutualTLSMode:
        """Return what PeerAuthentication says about one instance of a service."""
        return self.mutual_tls(instance.namespace, instance.labels, port.target)


def scope(index: Index, group: ProxyClass) -> Scope:
    """Return what proxies of ``group`` may see of ``index``."""
    labels = dict(group.labels)
    services = _services(index.services, group.namespace)
    rules = {
        host: rule
        for host, service in services.items()
        if (
            rule := destination_rule(
                index.destination_rules,
                service,
                config=index.config,
                namespace=group.namespace,
                labels=labels,
            )
        )
    }
    return Scope(
        group=group,
        config=index.config,
        services=services,
        own=tuple(
            service
            for service in index.services
            if service.namespace == group.namespace
            and service.selector
            and selects(service.selector, labels)
        ),
        virtual_services=tuple(
            each
            for each in index.virtual_services
            if visible(each.spec.export_to, each.metadata.namespace, group.namespace)
        ),
        delegates=_delegates(index.virtual_services),
        rules=rules,
        gateways=tuple(
            each for each in index.gateways if selects(each.spec.selector, labels)
        ),
        policies=index.peer_authentications,
    )


def hosts(virtual: Resource[VirtualService], config: MeshConfig) -> tuple[str, ...]:
    """Return the full host patterns of a VirtualService."""
    home = virtual.metadata.namespace
    return tuple(
        resolve(host, home, config.domain_suffix) for host in virtual.spec.hosts
    )


def _delegates(
    virtuals: Sequence[Resource[VirtualService]],
) -> dict[tuple[str, str], Resource[VirtualService]]:
    return {
        (each.metadata.namespace, each.metadata.name): each
        for each in virtuals
        if not each.spec.hosts
    }


def _services(services: Sequence[Service], namespace: str) -> dict[str, Service]:
    found: dict[str, Service] = {}
    for service in services:
        if not visible(service.export_to, service.namespace, namespace):
            continue
        if service.host not in found or (
            service.namespace == namespace
            and found[service.host].namespace != namespace
        ):
            found[service.host] = service
    return found
