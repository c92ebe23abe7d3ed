"""The clusters that reach the workload's own application.

Source: pilot/pkg/networking/core/cluster.go buildInboundClusters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import InboundMode
from meltemi.config.schema.traffic_policy import TrafficPolicy
from meltemi.pilot import ir
from meltemi.pilot.model.protocol import protocol
from meltemi.pilot.model.service import UNIX, Port, Service
from meltemi.pilot.scope.node import Interception
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.pool import pooled
from meltemi.pilot.translate.cluster.service import Reached, speaking
from meltemi.pilot.translate.policy import based, effective

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meltemi.config.resource import Metadata
    from meltemi.config.schema.sidecar import IstioIngressListener
    from meltemi.config.schema.traffic_policy import ConnectionPoolSettings
    from meltemi.pilot.scope.scope import Scope

LOOPBACK: Final = "127.0.0.1"
LOOPBACK6: Final = "::1"
MAGIC: Final = "127.0.0.6"
MAGIC6: Final = "::6"
"""Where connections to the application come from: the capture rules let them pass."""
ANY: Final = "0.0.0.0"  # noqa: S104 - a word of Sidecar's defaultEndpoint
ANY6: Final = "::"


@dataclass(frozen=True, slots=True)
class Served:
    """A port of the workload, and the services it answers for there.

    Attributes:
        number: What the cluster is named after: where the workload listens.
        port: As the first of the services has it, or a Sidecar.
        services: The first decides; the rest is for metrics.
        address: Where the application is; empty: where the caller was going.
        listens_on: The application's port, where ``address`` is given.

    """

    number: int
    port: Port
    services: tuple[Service, ...]
    address: str = ""
    listens_on: int = 0


def served(scope: Scope) -> tuple[Served, ...]:
    """Return the ports that the workload answers on."""
    sidecar = scope.sidecar
    if sidecar and sidecar.spec.ingress:
        return tuple(
            _listed(scope, each, sidecar.metadata) for each in sidecar.spec.ingress
        )
    if scope.group.interception is Interception.NONE:
        return ()
    local = scope.config.document.inbound_traffic_policy
    bind = loopback(scope) if local and local.mode is InboundMode.LOCALHOST else ""
    ports: dict[int, Served] = {}
    for target in scope.targets:
        held = ports.get(target.listens_on)
        if held is None:
            ports[target.listens_on] = Served(
                target.listens_on,
                target.port,
                (target.service,),
                bind,
                target.listens_on,
            )
        elif target.service not in held.services:
            more = (*held.services, target.service)
            ports[target.listens_on] = replace(held, services=more)
    return tuple(ports.values())


def _listed(scope: Scope, listener: IstioIngressListener, metadata: Metadata) -> Served:
    """Return a port that a Sidecar lists; a service of the same port labels it."""
    number = listener.port.number or 0
    port = Port(number, listener.port.name or "", protocol(listener.port.protocol))
    service = next(
        (each.service for each in scope.targets if each.listens_on == number), None
    )
    if service is None:
        service = Service(
            host=f"{metadata.name}.{metadata.namespace}",
            name=metadata.name,
            namespace=metadata.namespace,
            ports=(port,),
        )
    address, listens_on = _endpoint(scope, listener.default_endpoint or "", number)
    return Served(number, port, (service,), address, listens_on)


def _endpoint(scope: Scope, written: str, number: int) -> tuple[str, int]:
    """Return where the application is, as ``defaultEndpoint`` says."""
    if not written:
        return "", number
    if written.startswith(UNIX):
        return written, 0
    host, _, port = written.rpartition(":")
    host = host.strip("[]")
    if host in (ANY, ANY6):
        addresses = scope.group.addresses
        wanted = [each for each in addresses if (":" in each) == (host == ANY6)]
        host = (wanted or list(addresses) or [host])[0]
    elif host in (LOOPBACK, LOOPBACK6):
        host = loopback(scope) if host == LOOPBACK else LOOPBACK6
    return host, int(port) if port.isdecimal() else number


def loopback(scope: Scope) -> str:
    """Return the loopback address of the proxy's family."""
    return LOOPBACK if scope.group.ipv4 else LOOPBACK6


def magic(scope: Scope) -> tuple[str, ...]:
    """Return what connections to the application come from."""
    group = scope.group
    if group.ipv4 and group.ipv6:
        return (MAGIC, MAGIC6)
    return (MAGIC,) if group.ipv4 else (MAGIC6,)


def inbound_clusters(scope: Scope) -> Iterator[Reached]:
    """Yield the cluster of each port that the workload answers on."""
    for each in served(scope):
        yield Reached(_cluster(scope, each), assignment=None)


def _cluster(scope: Scope, of: Served) -> ir.Cluster:
    named = name.inbound_cluster(of.number)
    first, document = of.services[0], scope.config.document
    pattern = document.inbound_cluster_stat_name
    members = _members(named, of)
    cluster = ir.Cluster(
        name=named,
        stat_name=name.statistics(pattern, first, of.port) if pattern else "",
        discovery=ir.Discovery.STATIC if members else ir.Discovery.ORIGINAL_DST,
        members=members,
        load_balancer=ir.LoadBalancer(
            ir.Balancing.ROUND_ROBIN if members else ir.Balancing.GIVEN
        ),
        keep_destinations=members is None,
        services=tuple(
            ir.ServiceLabel(each.host, each.name, each.namespace)
            for each in of.services
        ),
        origins=tuple(each.origin for each in of.services),
    )
    cluster = speaking(cluster, of.port, scope)
    pool, rule = _pool(scope, of)
    cluster = pooled(cluster, pool, scope.config)
    if rule:
        cluster = replace(cluster, origins=(*cluster.origins, rule))
    netns = scope.group.node.application_netns
    if netns or of.address not in (LOOPBACK, LOOPBACK6):
        both = scope.config.features.dual_stack and not members
        sources = magic(scope) if both else magic(scope)[:1]
        cluster = replace(cluster, source_addresses=sources, netns=netns)
    return cluster


def _members(named: str, of: Served) -> ir.LoadAssignment | None:
    if not of.address:
        return None
    member = ir.Endpoint(of.address, of.listens_on, tls=False, weight=0)
    return ir.LoadAssignment(named, (ir.LocalityEndpoints(None, (member,)),))


def _pool(
    scope: Scope, of: Served
) -> tuple[ConnectionPoolSettings | None, ir.Origin | None]:
    """Return the limits towards the application, and the rule they come from.

    Of a DestinationRule only the connection pool holds here; a Sidecar's own word
    goes before it.
    """
    own = _sidecar_pool(scope, of.number)
    base = based(TrafficPolicy(), scope.config.document.default_traffic_policy)
    merged = scope.inbound_rule(of.services[0])
    if merged is None or merged.rule.spec.traffic_policy is None:
        return own or base.connection_pool, None
    metadata = merged.rule.metadata
    origin = ir.Origin(merged.rule.kind, metadata.namespace, metadata.name, "spec")
    policy = effective(merged.rule.spec, None, of.port.number)
    return own or policy.connection_pool or base.connection_pool, origin


def _sidecar_pool(scope: Scope, number: int) -> ConnectionPoolSettings | None:
    if scope.sidecar is None:
        return None
    spec = scope.sidecar.spec
    listed: Sequence[IstioIngressListener] = spec.ingress
    for listener in listed:
        if listener.port.number == number and listener.connection_pool:
            return listener.connection_pool
    return spec.inbound_connection_pool
