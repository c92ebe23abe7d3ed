"""The part of the mesh that matters to one class of proxies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from meltemi.pilot.model.host import covers, specificity
from meltemi.pilot.model.service import Service, only_port, selects
from meltemi.pilot.scope.authentication import mutual_tls, named_ports, namespace_mode
from meltemi.pilot.scope.destination import destination_rules, for_workload
from meltemi.pilot.scope.egress import (
    Egress,
    bound,
    default_egress,
    full_hosts,
    listed_egress,
    reached,
)
from meltemi.pilot.scope.membership import member
from meltemi.pilot.scope.proxy import Role, home_among
from meltemi.pilot.scope.sidecar import sidecar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule
    from meltemi.config.schema.gateway import Gateway
    from meltemi.config.schema.peer_authentication import MutualTLSMode
    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.config.schema.sidecar import Sidecar
    from meltemi.config.schema.virtual_service import VirtualService
    from meltemi.pilot.model.change import Stepped
    from meltemi.pilot.model.destination_rules import Merged
    from meltemi.pilot.model.index import Index
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.model.registry import Services
    from meltemi.pilot.model.service import Instance, Port
    from meltemi.pilot.scope.proxy import ProxyClass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """A port of a service that the workload itself answers for."""

    service: Service
    port: Port
    listens_on: int
    """Where the workload listens: Istio's target port."""


class Owned(NamedTuple):
    """What a workload answers for itself, as in `Scope`."""

    targets: tuple[Target, ...] = ()
    own: tuple[Service, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a class of proxies may see, and what holds for it.

    Attributes:
        group: The class.
        index: The mesh: for policies, which generators select by themselves.
        egress: What may leave, by listener; one without a Sidecar.
        services: Everything that may be reached, by host: what has clusters.
        rules: By host of the service: the DestinationRule that holds for it.
        sidecar: The Sidecar that holds, for sidecars.
        targets: The service ports the workload answers for, in the services' order.
        own: The services the workload itself answers for.
        delegates: The VirtualServices without hosts, by namespace and name; whether a
            root may use one is decided by the root's namespace, not by the proxy's.
        gateways: Those a gateway proxy serves, oldest first; empty for a sidecar.

    """

    group: ProxyClass
    index: Index
    egress: tuple[Egress, ...]
    services: Mapping[str, Service]
    rules: Mapping[str, Merged]
    sidecar: Resource[Sidecar] | None
    targets: tuple[Target, ...]
    own: tuple[Service, ...]
    delegates: Mapping[tuple[str, str], Resource[VirtualService]]
    gateways: tuple[Resource[Gateway], ...]

    @property
    def config(self) -> MeshConfig:
        """What holds mesh-wide."""
        return self.index.config

    @property
    def sidecar_role(self) -> bool:
        """Whether the proxy stands beside a workload."""
        return self.group.role is Role.SIDECAR

    @property
    def proxy_defaults(self) -> ProxyDefaults:
        """What the proxy starts with: its own word over the mesh's."""
        return self.group.node.proxy_config or self.config.proxy_defaults

    @property
    def keeps_header_case(self) -> bool:
        """Whether HTTP/1 headers are passed on as they were spelled."""
        headers = self.proxy_defaults.proxy_headers
        kept = headers.preserve_http1_header_case if headers else None
        return bool(kept)

    @property
    def counts_attempts(self) -> bool:
        """Whether servers are told how often a request was tried."""
        headers = self.proxy_defaults.proxy_headers
        counted = headers.attempt_count if headers else None
        return not (counted and counted.disabled)

    @property
    def forwards_host(self) -> bool:
        """Whether a rewritten host is passed on in ``x-forwarded-host``."""
        headers = self.proxy_defaults.proxy_headers
        passed = headers.x_forwarded_host if headers else None
        return bool(passed and passed.enabled)

    def namespace_mode(self, namespace: str) -> MutualTLSMode:
        """Return what PeerAuthentication says of a namespace as a whole."""
        return namespace_mode(
            self.index.peer_authentications, self.config.root_namespace, namespace
        )

    def inbound_rule(self, service: Service) -> Merged | None:
        """Return the DestinationRule for what the workload itself answers for."""
        found = destination_rules(
            self.index.destination_rules,
            service.host,
            home=service.namespace,
            caller=self.group.home(self.index.destination_rules.callers),
            root_namespace=self.config.root_namespace,
        )
        return next((each for each in found if each.selector is None), None)

    def rule(self, host: str) -> Resource[DestinationRule] | None:
        """Return the DestinationRule for ``host``, if one holds."""
        found = self.rules.get(host)
        return found.rule if found else None

    def only_port(self, host: str) -> int | None:
        """Return the number of the port of ``host`` where it has one and no other."""
        return only_port(self.services.get(host))

    def bound(self, gateway: str) -> tuple[Resource[VirtualService], ...]:
        """Return the VirtualServices for ``NAMESPACE/NAME`` of a gateway."""
        return bound(self.index, self.group, gateway)

    def virtual_service(self, host: str) -> Resource[VirtualService] | None:
        """Return the VirtualService with the narrowest host that covers ``host``."""
        best: tuple[tuple[bool, int], Resource[VirtualService]] | None = None
        for egress in self.egress:
            for each in egress.virtual_services:
                for pattern in full_hosts(each, self.config.domain_suffix):
                    rank = specificity(pattern)
                    if covers(pattern, host) and (best is None or rank > best[0]):
                        best = (rank, each)
        return best[1] if best else None

    def mutual_tls(
        self, namespace: str, labels: Mapping[str, str], port: int
    ) -> MutualTLSMode:
        """Return what PeerAuthentication says about a workload's port."""
        return mutual_tls(
            self.index.peer_authentications,
            root_namespace=self.config.root_namespace,
            namespace=namespace,
            labels=labels,
            port=port,
        )

    def mutual_tls_ports(self) -> tuple[int, ...]:
        """Return the workload's ports that a PeerAuthentication names, sorted."""
        group = self.group
        return named_ports(
            self.index.peer_authentications,
            root_namespace=self.config.root_namespace,
            namespace=group.namespace,
            labels=group.label_map,
        )

    def instance_mode(self, instance: Instance, port: Port) -> MutualTLSMode:
        """Return what PeerAuthentication says about one instance of a service."""
        return self.mutual_tls(
            instance.namespace, instance.labels, port.target or port.number
        )


def scope(index: Index, group: ProxyClass) -> Scope:
    """Return what proxies of ``group`` may see of ``index``."""
    group = member(index, group)
    return with_own(outward(index, group), group)


def outward(index: Index, group: ProxyClass) -> Scope:
    """Return what proxies of ``group`` may see of others, and nothing of their own.

    Args:
        index: The mesh.
        group: As `member` knows it.

    """
    holding = _sidecar(index, group)
    egress = (
        listed_egress(index, holding, group)
        if holding
        else (default_egress(index, group),)
    )
    services = reached(egress, index, group)
    return Scope(
        group=group,
        index=index,
        egress=egress,
        services=services,
        rules=_rules(index, services, group),
        sidecar=holding,
        targets=(),
        own=(),
        delegates={
            (each.metadata.namespace, each.metadata.name): each
            for each in index.virtual_services
            if not each.spec.hosts
        },
        gateways=tuple(
            each
            for each in index.gateways
            if selects(each.spec.selector, group.label_map)
        )
        if group.role is Role.GATEWAY
        else (),
    )


def again(
    before: Scope, index: Index, group: ProxyClass, step: Stepped
) -> Scope | None:
    """Return what `outward` does, when no more changed than a step.

    None: it has to be looked at anew.

    Args:
        before: What proxies that answer alike saw.
        index: The mesh now.
        group: As `member` knows it.
        step: Who stands in place of whom.

    """
    others = {id(old): new for old, new in step.services}
    routed = {id(old): new for old, new in step.routed}
    if routed and any(each.listener for each in before.egress):
        return None  # what rules send to is reached, too
    homes = {(old.host, old.namespace) for old, _ in step.services}
    services, egress = dict(before.services), list[Egress]()
    for host, home in homes:
        held = services.get(host)
        if held is None or held.namespace != home:
            continue
        if id(held) not in others:
            return None  # some of its ports, or put together of several
        services[host] = others[id(held)]
    for each in before.egress:
        for it in each.services:
            if id(it) not in others and (it.host, it.namespace) in homes:
                return None
        egress.append(
            replace(
                each,
                services=_among(each.services, others),
                virtual_services=_among(each.virtual_services, routed),
            )
        )
    return replace(
        before,
        group=group,
        index=index,
        egress=tuple(egress),
        services=services,
        delegates={
            name: routed.get(id(each), each) for name, each in before.delegates.items()
        },
    )


def _among(every: tuple[T, ...], others: Mapping[int, T]) -> tuple[T, ...]:
    """Return ``every`` with ``others`` in place of some, by their identity."""
    if not others:
        return every
    return tuple([others.get(id(each), each) for each in every])


def with_own(seen: Scope, group: ProxyClass, before: Owned | None = None) -> Scope:
    """Return ``seen``, which holds for ``group``, with what its workload answers for.

    Args:
        seen: Made by `outward` for proxies that answer its questions alike.
        group: As `member` knows it.
        before: Of an earlier revision: what is the same is the same object.

    """
    labels, services = group.label_map, seen.index.services
    targets = tuple(_targets(services, group))
    own = tuple(
        service
        for service in services.selecting.get(group.namespace, ())
        if selects(service.selector, labels)
    )
    if before is not None:
        targets = before.targets if before.targets == targets else targets
        own = before.own if before.own == own else own
    return Scope(
        group=group,
        index=seen.index,
        egress=seen.egress,
        services=seen.services,
        rules=seen.rules,
        sidecar=seen.sidecar,
        targets=targets,
        own=own,
        delegates=seen.delegates,
        gateways=seen.gateways,
    )


def _sidecar(index: Index, group: ProxyClass) -> Resource[Sidecar] | None:
    if group.role is Role.GATEWAY:
        return None
    return sidecar(
        index.sidecars,
        root_namespace=index.config.root_namespace,
        namespace=home_among(group, index.sidecars),
        labels=group.label_map,
    )


def _rules(
    index: Index, services: Mapping[str, Service], group: ProxyClass
) -> dict[str, Merged]:
    labels, caller = group.label_map, group.home(index.destination_rules.callers)
    found: dict[str, Merged] = {}
    for host, service in services.items():
        rules = destination_rules(
            index.destination_rules,
            host,
            home=service.namespace,
            caller=caller,
            root_namespace=index.config.root_namespace,
        )
        rule = for_workload(rules, namespace=caller, labels=labels)
        if rule:
            found[host] = rule
    return found


def _targets(services: Services, group: ProxyClass) -> list[Target]:
    """Return what answers at one of the proxy's addresses.

    What answers there with another service account than the proxy's is not its own: a
    proxy proves its account, and only says what its address is.
    """
    found = {
        services.place(each): each
        for address in group.addresses
        for each in services.answering.get(address, ())
        if _may_be(each.instance, group)
    }
    return [
        Target(each.service, each.port, each.instance.port or each.port.number)
        for _, each in sorted(found.items())
    ]


def _may_be(instance: Instance, group: ProxyClass) -> bool:
    shown, own = instance.service_account, group.node.service_account
    if not shown or not own:
        return True
    return shown == own or shown.endswith(f"/ns/{group.namespace}/sa/{own}")
