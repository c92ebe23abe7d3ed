"""Who answers: the endpoints of a service's port, and of a subset of them.

Source: pilot/pkg/xds/endpoints/endpoint_builder.go and mtls_checker.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.config.schema.traffic_policy import ClientTLSMode
from meltemi.pilot import ir
from meltemi.pilot.model.host import covers
from meltemi.pilot.model.service import UNIX, Health, selects
from meltemi.pilot.translate.cluster.locality import Placed, placed
from meltemi.pilot.translate.cluster.networks import through_gateways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.traffic_policy import TrafficPolicy
    from meltemi.pilot.model.service import Instance, Port, Service
    from meltemi.pilot.scope.scope import Scope

TUNNEL: Final = "networking.istio.io/tunnel"
PERSISTENT_SESSION: Final = "istio.io/persistent-session"
HEALTH: Final = {
    Health.HEALTHY: ir.EndpointHealth.HEALTHY,
    Health.UNHEALTHY: ir.EndpointHealth.UNHEALTHY,
    Health.DRAINING: ir.EndpointHealth.DRAINING,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The endpoints that are asked for: a port's, or those with some labels."""

    service: Service
    port: Port
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    named: bool = False
    """Whether endpoints may be names, which Envoy looks up."""


def assignment(
    cluster: str, chosen: Chosen, policy: TrafficPolicy, scope: Scope
) -> ir.LoadAssignment:
    """Return the endpoints of ``cluster`` for the proxies of ``scope``, by place.

    ``policy`` is what holds for the cluster: it may prefer places, and says whether
    mutual TLS is spoken.
    """
    found = [
        Placed(instance, _endpoint(instance, chosen.port, policy, scope))
        for instance in _usable(chosen, scope)
    ]
    reached = through_gateways(found, scope)
    return ir.LoadAssignment(
        cluster=cluster,
        localities=placed(reached, policy, scope),
        origins=(chosen.service.origin,),
    )


def _usable(chosen: Chosen, scope: Scope) -> Iterator[Instance]:
    service, group = chosen.service, scope.group
    local = _cluster_local(scope, service.host)
    view = group.node.network_view
    for each in service.of(chosen.port):
        if not selects(chosen.labels, each.labels) or not _alive(service, each):
            continue
        if service.node_local and each.node != group.node.node_name:
            continue
        if view and each.network not in view:
            continue
        if local and each.cluster != group.node.cluster:
            continue
        if each.discoverable_in not in ("", group.node.cluster):
            continue
        if chosen.named or _addressed(each):
            yield each


def _alive(service: Service, instance: Instance) -> bool:
    """Tell whether an endpoint may be told of: one that drains, only to sessions."""
    if instance.health is Health.DRAINING:
        return PERSISTENT_SESSION in service.labels
    return instance.health is not Health.TERMINATING


def _cluster_local(scope: Scope, host: str) -> bool:
    """Tell whether only endpoints of the proxy's own cluster are used."""
    for each in scope.config.document.service_settings:
        settings = each.settings
        if settings and any(covers(pattern, host) for pattern in each.hosts):
            return bool(settings.cluster_local)
    return False


def _addressed(instance: Instance) -> bool:
    """Tell whether an endpoint has an address; a name would be refused over EDS."""
    address = instance.address
    if not address:
        return bool(instance.network)
    if address.startswith(UNIX):
        return True
    try:
        ip_address(address)
    except ValueError:
        return instance.port == 0
    return True


def _endpoint(
    instance: Instance, port: Port, policy: TrafficPolicy, scope: Scope
) -> ir.Endpoint:
    dual = scope.config.features.dual_stack
    return ir.Endpoint(
        address=instance.address,
        port=instance.port,
        tls=_secure(instance, port, policy, scope),
        weight=instance.weight or 1,
        workload=_workload(instance),
        more_addresses=instance.addresses[1:] if dual else (),
        health=HEALTH[instance.health],
        app=instance.labels.get("app", ""),
        version=instance.labels.get("version", ""),
        cluster=instance.cluster or scope.group.node.cluster,
    )


def _secure(
    instance: Instance, port: Port, policy: TrafficPolicy, scope: Scope
) -> bool:
    """Tell whether an endpoint is to be spoken to in the mesh's mutual TLS."""
    tunnels = instance.labels.get(TUNNEL) == "http"
    if not instance.tls or (tunnels and scope.config.features.prefer_tunnels):
        return False
    if policy.tls is not None:
        mode = policy.tls.mode or ClientTLSMode.DISABLE
        return mode is ClientTLSMode.ISTIO_MUTUAL
    number = instance.port or port.target or port.number
    mode_there = scope.mutual_tls(instance.namespace, instance.labels, number)
    return mode_there is not MutualTLSMode.DISABLE


def _workload(instance: Instance) -> str:
    """Return Istio's ``name;namespace;canonical-name;canonical-revision;cluster``."""
    labels = instance.labels
    app = (
        labels.get("service.istio.io/canonical-name")
        or labels.get("app.kubernetes.io/name")
        or labels.get("app")
        or instance.name
    )
    version = (
        labels.get("service.istio.io/canonical-revision")
        or labels.get("app.kubernetes.io/version")
        or labels.get("version", "")
    )
    return f"{instance.name};{instance.namespace};{app};{version};{instance.cluster}"
