"""The clusters that reach one service: one a port, and one a subset of it.

Source: pilot/pkg/networking/core/cluster.go buildOutboundClusters and
cluster_builder.go applyDestinationRule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.load_balancer import SimpleLB
from meltemi.config.schema.peer_authentication import MutualTLSMode
from meltemi.config.schema.service_entry import Resolution
from meltemi.config.schema.traffic_policy import TrafficPolicy
from meltemi.pilot import ir
from meltemi.pilot.model.protocol import Protocol
from meltemi.pilot.model.service import Registry
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.client_tls import Peer, announced, secured
from meltemi.pilot.translate.cluster.endpoints import (
    PERSISTENT_SESSION,
    Chosen,
    assignment,
)
from meltemi.pilot.translate.cluster.load_balancer import balanced, watched
from meltemi.pilot.translate.cluster.pool import pooled, upgraded, with_version
from meltemi.pilot.translate.policy import based, effective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.destination_rule import Subset
    from meltemi.pilot.model.destination_rules import Merged
    from meltemi.pilot.model.service import Port, Service
    from meltemi.pilot.scope.scope import Scope

BY_NAME: Final = (ir.Discovery.STRICT_DNS, ir.Discovery.LOGICAL_DNS)


@dataclass(frozen=True, slots=True)
class Reached:
    """A cluster, with its endpoints where Envoy is to ask for them."""

    cluster: ir.Cluster
    assignment: ir.LoadAssignment | None


def service_clusters(
    scope: Scope, service: Service, merged: Merged | None, *, unopened: bool = False
) -> Iterator[Reached]:
    """Yield, for each port of ``service``, the whole and then each subset.

    Args:
        scope: Of the proxy.
        service: Of the mesh, or outside of it.
        merged: The DestinationRule that holds for it.
        unopened: What goes there is TLS already, and told apart by the cluster's name.

    Source:
        pilot/pkg/networking/core/cluster.go buildOutboundSniDnatClusters, for what is
        not opened.

    """
    for port in service.ports:
        if port.protocol is Protocol.UDP:
            continue
        builder = _Builder(scope, service, port, merged, unopened)
        whole = builder.cluster(None, 0)
        if whole is None:
            continue
        yield whole
        subsets = merged.rule.spec.subsets if merged else ()
        for number, subset in enumerate(subsets):
            found = builder.cluster(subset, number)
            if found:
                yield found


def asked_endpoints(scope: Scope, cluster: str) -> ir.LoadAssignment:
    """Return the endpoints of the cluster called ``cluster``; none when it is unknown.

    An answer must come all the same: Envoy waits for one.
    """
    parts = (
        cluster.split("|") if "|" in cluster else cluster.replace("_.", "|").split("|")
    )
    _, number, label, host = parts
    service = scope.services.get(host)
    port = service.port(int(number)) if service else None
    if service is None or port is None:
        return ir.LoadAssignment(cluster, ())
    merged = scope.rules.get(host)
    subsets = merged.rule.spec.subsets if merged else ()
    subset = next((each for each in subsets if each.name == label), None)
    if label and subset is None:
        return ir.LoadAssignment(cluster, ())
    unopened = "|" not in cluster
    return _Builder(scope, service, port, merged, unopened).members(cluster, subset)


def secure_only(members: ir.LoadAssignment) -> ir.LoadAssignment:
    """Return the endpoints that speak mutual TLS: others can't be passed through to."""
    return replace(
        members,
        localities=tuple(
            replace(each, endpoints=tuple(e for e in each.endpoints if e.tls))
            for each in members.localities
        ),
    )


@dataclass(frozen=True, slots=True)
class _Builder:
    scope: Scope
    service: Service
    port: Port
    merged: Merged | None
    unopened: bool

    def cluster(self, subset: Subset | None, number: int) -> Reached | None:
        """Return one cluster; None for a name that nothing stands behind."""
        policy = self._policy(subset)
        plain = self._plain(subset)
        members = self._members(plain.name, subset, policy)
        if plain.discovery in BY_NAME:
            if not members.localities:
                return None
            plain = replace(plain, members=members)
        cluster = self._under(policy, plain, subset)
        cluster = replace(cluster, origins=self._origins(subset, number))
        asked = cluster.discovery is ir.Discovery.EDS
        return Reached(cluster, members if asked else None)

    def members(self, cluster: str, subset: Subset | None) -> ir.LoadAssignment:
        """Return the endpoints of a cluster of that name."""
        return self._members(cluster, subset, self._policy(subset))

    def _policy(self, subset: Subset | None) -> TrafficPolicy:
        mesh = self.scope.config.document.default_traffic_policy
        own = (
            effective(self.merged.rule.spec, subset, self.port.number)
            if self.merged
            else TrafficPolicy()
        )
        return based(own, mesh)

    def _plain(self, subset: Subset | None) -> ir.Cluster:
        label = subset.name if subset else ""
        discovery = _discovery(self.service, self.scope.group.role)
        service, config = self.service, self.scope.config
        pattern = config.document.outbound_cluster_stat_name
        title = name.server_name if self.unopened else name.outbound_cluster
        cluster = ir.Cluster(
            name=title(self.port.number, label, service.host),
            stat_name=(
                name.statistics(pattern, service, self.port, label) if pattern else ""
            ),
            discovery=discovery,
            lookup=_lookup(self.scope) if discovery in BY_NAME else None,
            services=(ir.ServiceLabel(service.host, service.name, service.namespace),),
            external=service.external,
            subset=label,
            keep_draining=PERSISTENT_SESSION in service.labels,
            buffer_limit=_buffer_limit(self.scope),
        )
        if discovery is ir.Discovery.PER_REQUEST:
            cache = ir.HostCache(name.host_cache(service.host), families(self.scope))
            cluster = replace(cluster, cache=cache)
        if discovery is ir.Discovery.ORIGINAL_DST:
            override = self.port.target if self.port.target != self.port.number else 0
            cluster = replace(cluster, port_override=override)
        return speaking(cluster, self.port, self.scope)

    def _members(
        self, cluster: str, subset: Subset | None, policy: TrafficPolicy
    ) -> ir.LoadAssignment:
        discovery = _discovery(self.service, self.scope.group.role)
        labels = subset.labels if subset else {}
        named = discovery in BY_NAME
        chosen = Chosen(self.service, self.port, labels, named=named)
        found = assignment(cluster, chosen, policy, self.scope)
        found = secure_only(found) if self.unopened else found
        return _single(found) if discovery is ir.Discovery.LOGICAL_DNS else found

    def _under(
        self, policy: TrafficPolicy, cluster: ir.Cluster, subset: Subset | None
    ) -> ir.Cluster:
        """Return ``cluster`` under ``policy``, in the order Istio applies its parts."""
        config, document = self.scope.config, self.scope.config.document
        pool = policy.connection_pool
        cluster = pooled(cluster, pool, config, policy.retry_budget)
        cluster = upgraded(cluster, pool, self.port, config)
        per_request = cluster.discovery is ir.Discovery.PER_REQUEST
        if not per_request:
            cluster = watched(cluster, policy.outlier_detection)
        cluster = balanced(cluster, policy, document.locality_lb_setting)
        if self.unopened:
            return cluster
        peer = self._peer(policy, subset)
        limits, node = document.tls_defaults, self.scope.group.node
        cluster = secured(cluster, policy.tls, peer, node, limits)
        if per_request:
            cluster = _checked(cluster)
        return announced(cluster, policy.proxy_protocol)

    def _peer(self, policy: TrafficPolicy, subset: Subset | None) -> Peer:
        scope, service = self.scope, self.service
        selects = bool(self.merged and self.merged.selector is not None)
        label = subset.name if subset else ""
        sni = name.server_name(self.port.number, label, service.host)
        outside = service.resolution is Resolution.DYNAMIC_DNS
        return Peer(
            sni="" if outside else sni,
            identities=identities(service, scope),
            names=(
                service.subject_alt_names
                if service.registry is Registry.EXTERNAL
                else ()
            ),
            automatic=self._automatic(policy),
            credentials=selects or scope.group.role is Role.GATEWAY,
        )

    def _automatic(self, policy: TrafficPolicy) -> bool:
        """Tell whether mutual TLS is used where endpoints speak it.

        Source:
            pilot/pkg/model/push_context.go BestEffortInferServiceMTLSMode: where the
            endpoint is not ours to pick, every one of them must speak it.

        """
        scope, service = self.scope, self.service
        if service.external or not scope.config.auto_mutual_tls:
            return False
        simple = policy.load_balancer.simple if policy.load_balancer else None
        if service.resolution is Resolution.NONE or simple is SimpleLB.PASSTHROUGH:
            instances = service.of(self.port)
            if not instances or not all(each.tls is not False for each in instances):
                return False
        mode = scope.namespace_mode(service.namespace)
        return mode is not MutualTLSMode.DISABLE

    def _origins(self, subset: Subset | None, number: int) -> ir.Origins:
        origins = [self.service.origin]
        if self.merged:
            path = f"spec.subsets[{number}]" if subset else "spec"
            metadata, kind = self.merged.rule.metadata, self.merged.rule.kind
            own = ir.Origin(kind, metadata.namespace, metadata.name, path)
            origins.append(own)
        return tuple(origins)


def _single(members: ir.LoadAssignment) -> ir.LoadAssignment:
    """Return the first endpoint alone: of more, Envoy takes no LOGICAL_DNS cluster."""
    held = [each for each in members.localities if each.endpoints][:1]
    first = tuple(replace(each, endpoints=each.endpoints[:1]) for each in held)
    return replace(members, localities=first)


def _checked(cluster: ir.Cluster) -> ir.Cluster:
    """Return a cluster of looked-up hosts; Envoy must hear that TLS is unchecked.

    It wants to hear so of any cluster with HTTP options, if it uses TLS or not, and
    refuses the cluster otherwise. Istio leaves it out where there is no TLS.
    """
    options, cache = cluster.http, cluster.cache
    asked = options is not None or isinstance(cluster.client, ir.OriginateClient)
    if cache and asked and not (options and options.verify_host):
        return replace(cluster, cache=replace(cache, insecure=True))
    return cluster


def speaking(cluster: ir.Cluster, port: Port, scope: Scope) -> ir.Cluster:
    """Return ``cluster``, which speaks what ``port`` does.

    Source:
        pilot/pkg/networking/core/cluster_builder.go setUpstreamProtocol: a sidecar
        goes on in what the caller speaks where nobody declared the protocol.

    """
    if port.protocol.is_http2:
        return with_version(cluster, ir.HttpVersion.HTTP2)
    if scope.keeps_header_case and (port.protocol.is_http or port.protocol.is_detected):
        options = ir.HttpOptions(keep_header_case=True)
        if port.protocol.is_detected and scope.group.role is Role.SIDECAR:
            options = replace(options, version=ir.HttpVersion.AS_CALLER)
        return replace(cluster, http=options)
    if port.protocol.is_detected and scope.group.role is Role.SIDECAR:
        return with_version(cluster, ir.HttpVersion.AS_CALLER)
    return cluster


def identities(service: Service, scope: Scope) -> tuple[str, ...]:
    """Return the names that certificates of ``service`` may have, sorted.

    An identity of the mesh's trust domain counts under its aliases too.

    Source:
        pilot/pkg/model/push_context.go updateServiceAccount: of all its endpoints,
        whatever the subset.

    """
    own = scope.config.trust_domain
    found = {each.service_account for each in service.instances} - {""}
    found |= set(service.subject_alt_names)
    prefix = f"spiffe://{own}/"
    for alias in scope.config.document.trust_domain_aliases:
        found |= {
            f"spiffe://{alias}/{each.removeprefix(prefix)}"
            for each in found
            if each.startswith(prefix)
        }
    return tuple(sorted(found))


def families(scope: Scope) -> ir.Families:
    """Return the families of addresses a proxy can call."""
    group = scope.group
    if group.ipv4 and group.ipv6:
        both = scope.config.features.dual_stack
        return ir.Families.BOTH if both else ir.Families.IPV4
    if not group.placed:
        return ir.Families.EITHER
    return ir.Families.IPV4 if group.ipv4 else ir.Families.IPV6


def _buffer_limit(scope: Scope) -> int | None:
    settings = scope.proxy_defaults.connection_settings
    own = settings.cluster_per_connection_buffer_limit_bytes if settings else None
    return own or None


def _lookup(scope: Scope) -> ir.Lookup:
    features, refresh = scope.config.features, scope.config.document.dns_refresh_rate
    return ir.Lookup(
        families=families(scope),
        refresh=refresh.nanoseconds if refresh else None,
        jitter=features.dns_jitter,
        udp_queries=features.dns_cares_udp_max_queries,
    )


def _discovery(service: Service, role: Role) -> ir.Discovery:
    """Return how endpoints are found; gateways are never where traffic was going."""
    match service.resolution:
        case Resolution.STATIC:
            return ir.Discovery.EDS
        case Resolution.DNS:
            return ir.Discovery.STRICT_DNS
        case Resolution.DNS_ROUND_ROBIN:
            return ir.Discovery.LOGICAL_DNS
        case Resolution.DYNAMIC_DNS:
            return ir.Discovery.PER_REQUEST
        case Resolution.NONE:
            gateway = role is Role.GATEWAY
            return ir.Discovery.EDS if gateway else ir.Discovery.ORIGINAL_DST
