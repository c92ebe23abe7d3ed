"""Clusters: what a proxy can send to, and how it treats each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meltemi.config.schema.service_entry import Resolution
from meltemi.config.schema.traffic_policy import TrafficPolicy
from meltemi.pilot import ir
from meltemi.pilot.translate import name
from meltemi.pilot.translate.client_tls import client
from meltemi.pilot.translate.endpoints import assignment, chosen
from meltemi.pilot.translate.policy import effective
from meltemi.pilot.translate.traffic_policy import apply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.destination_rule import DestinationRule, Subset
    from meltemi.pilot.model.service import Instance, Port, Service
    from meltemi.pilot.scope.proxy import Bind
    from meltemi.pilot.scope.scope import Scope
    from meltemi.pilot.translate.endpoints import Mode

DISCOVERY = {
    Resolution.STATIC: ir.Discovery.EDS,
    Resolution.DNS: ir.Discovery.STRICT_DNS,
    Resolution.DNS_ROUND_ROBIN: ir.Discovery.LOGICAL_DNS,
}
"""How the endpoints of a service are found; the other resolutions need a captured
destination address, which an explicit proxy never sees."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A cluster, with its endpoints where Envoy is to ask for them."""

    cluster: ir.Cluster
    assignment: ir.LoadAssignment | None


def outbound(scope: Scope) -> Iterator[Reached]:
    """Yield the clusters for every service in ``scope``."""
    for service in scope.services.values():
        if service.resolution not in DISCOVERY:
            continue
        yield from of_service(
            service,
            scope.rule(service.host),
            mode=scope.instance_mode,
        )


def of_service(
    service: Service,
    rule: Resource[DestinationRule] | None,
    *,
    mode: Mode,
) -> Iterator[Reached]:
    """Yield, for each port of ``service``, the whole and then each subset."""
    subsets = rule.spec.subsets if rule else ()
    for port in service.ports:
        for number, subset in enumerate((None, *subsets)):
            policy = effective(rule.spec, subset, port.number) if rule else None
            origins = [service.origin]
            if rule:
                path = f"spec.subsets[{number - 1}]" if subset else "spec"
                origins.append(_origin(rule, path))
            reached = _reached(service, port, subset, mode=mode)
            cluster = apply(reached.cluster, policy or TrafficPolicy(), port)
            peers = chosen(service.of(port), subset.labels if subset else {})
            secured = client(
                service,
                port,
                subset.name if subset else "",
                tls=policy.tls if policy else None,
                identities=_identities(peers),
            )
            yield replace(
                reached,
                cluster=replace(cluster, client=secured, origins=tuple(origins)),
            )


def inbound(apps: Mapping[int, Bind], ports: Mapping[int, Port]) -> Iterator[Reached]:
    """Yield the clusters that reach the application itself.

    Args:
        apps: Where it listens, by port of its service.
        ports: The ports of its services.

    """
    for number, port in sorted(ports.items()):
        if number not in apps:
            continue
        bind = apps[number]
        cluster = name.inbound_cluster(number)
        member = ir.Endpoint(bind.address, bind.port, tls=False)
        members = ir.LoadAssignment(
            cluster, (ir.LocalityEndpoints(ir.Locality(), (member,)),)
        )
        yield Reached(
            ir.Cluster(
                name=cluster,
                discovery=ir.Discovery.STATIC,
                members=members,
                http=http_options(port),
            ),
            assignment=None,
        )


def http_options(port: Port) -> ir.HttpOptions | None:
    """Return how to speak HTTP to ``port``; None where bytes are only passed on."""
    if port.protocol.is_http2:
        return ir.HttpOptions(version=ir.HttpVersion.HTTP2)
    return ir.HttpOptions() if port.protocol.is_http else None


def _reached(
    service: Service, port: Port, subset: Subset | None, *, mode: Mode
) -> Reached:
    cluster = name.outbound_cluster(
        port.number, subset.name if subset else "", service.host
    )
    members = assignment(
        cluster,
        service,
        port,
        labels=subset.labels if subset else {},
        mode=mode,
    )
    discovery = DISCOVERY[service.resolution]
    asked = discovery is ir.Discovery.EDS
    return Reached(
        ir.Cluster(
            name=cluster,
            discovery=discovery,
            http=http_options(port),
            members=None if asked else members,
            service=ir.ServiceLabel(
                service.host, service.host.partition(".")[0], service.namespace
            ),
            subset=subset.name if subset else "",
        ),
        assignment=members if asked else None,
    )


def _identities(peers: tuple[Instance, ...]) -> tuple[str, ...]:
    """Return the SPIFFE ids that the instances of a cluster may show."""
    return tuple(
        sorted({each.service_account for each in peers if each.service_account})
    )


def _origin(rule: Resource[DestinationRule], path: str) -> ir.Origin:
    metadata = rule.metadata
    return ir.Origin(rule.kind, metadata.namespace, metadata.name, path)
