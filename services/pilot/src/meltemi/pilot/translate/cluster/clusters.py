"""Clusters: everything a proxy can send to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.config.schema.gateway import ServerTLSMode
from meltemi.config.schema.service_entry import Resolution
from meltemi.pilot import ir
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.named import named_hosts
from meltemi.pilot.translate.cluster.service import Reached, service_clusters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meltemi.config.schema.traffic_policy import ClientTLSSettings
    from meltemi.pilot.model.destination_rules import Merged
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.proxy import Bind
    from meltemi.pilot.scope.scope import Scope


def outbound(scope: Scope) -> Iterator[Reached]:
    """Yield the clusters for every service in ``scope``."""
    for service in called(scope):
        yield from service_clusters(scope, service, scope.rules.get(service.host))


def called(scope: Scope) -> Iterator[Service]:
    """Yield the services of ``scope`` that clusters are for."""
    chosen = scope.config.features.filter_gateway_clusters and scope.gateways
    named = named_hosts(scope) if chosen else None
    for service in scope.services.values():
        if service.alias_of or (named is not None and service.host not in named):
            continue
        if not scope.group.captured and service.resolution is Resolution.NONE:
            continue  # nothing tells an explicit proxy where the caller was going
        yield service


def unopened(scope: Scope) -> Iterator[Reached]:
    """Yield the clusters a gateway passes TLS on to without opening it, if it does."""
    if any(
        server.tls and server.tls.mode is ServerTLSMode.AUTO_PASSTHROUGH
        for each in scope.gateways
        for server in each.spec.servers
    ):
        for service in scope.services.values():
            if not (service.external or service.alias_of):
                merged = scope.rules.get(service.host)
                yield from service_clusters(scope, service, merged, unopened=True)


def credentialed(scope: Scope) -> Iterator[Reached]:
    """Yield those of `outbound` whose DestinationRule names a credential."""
    for service in called(scope):
        merged = scope.rules.get(service.host)
        if merged and any(tls.credential_name for tls in _client_tls(merged)):
            yield from service_clusters(scope, service, merged)


def _client_tls(merged: Merged) -> Iterator[ClientTLSSettings]:
    rule = merged.rule.spec
    for policy in (rule.traffic_policy, *(it.traffic_policy for it in rule.subsets)):
        if policy is not None:
            yield from filter(
                None, (policy.tls, *(port.tls for port in policy.port_level_settings))
            )


def inbound(apps: Mapping[int, Bind], ports: Mapping[int, Port]) -> Iterator[Reached]:
    """Yield the clusters that reach an application which was told where to listen.

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
