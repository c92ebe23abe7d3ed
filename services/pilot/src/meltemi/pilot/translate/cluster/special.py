"""Clusters that stand for no service: where unknown traffic goes.

Source: pilot/pkg/networking/core/cluster_builder.go buildBlackHoleCluster,
buildDefaultPassthroughCluster and their callers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.mesh_config import MeshOutboundMode
from meltemi.pilot import ir
from meltemi.pilot.scope.proxy import Role
from meltemi.pilot.translate import name
from meltemi.pilot.translate.cluster.client_tls import Peer, secured
from meltemi.pilot.translate.cluster.inbound import magic
from meltemi.pilot.translate.cluster.pool import nanoseconds, pooled
from meltemi.pilot.translate.cluster.service import Reached, families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.pilot.scope.scope import Scope

IDLE: Final = 300 * ir.SECOND
"""When connections to unknown places are closed."""
LARGEST: Final = 1024
"""Hosts that are remembered for requests to unknown names."""
GIVEN: Final = ir.LoadBalancer(ir.Balancing.GIVEN)


def special_clusters(scope: Scope) -> Iterator[Reached]:
    """Yield the clusters that every proxy of its kind has."""
    yield Reached(_black_hole(scope), assignment=None)
    if scope.group.role is Role.GATEWAY:
        return
    yield Reached(_unknown(scope, name.PASSTHROUGH), assignment=None)
    inward = _unknown(scope, name.INBOUND_PASSTHROUGH)
    inward = replace(inward, stat_name=name.PASSTHROUGH, source_addresses=magic(scope))
    netns = scope.group.node.application_netns
    yield Reached(replace(inward, netns=netns), assignment=None)
    policy = scope.config.document.outbound_traffic_policy
    if policy and policy.mode is MeshOutboundMode.ALLOW_ANY_DYNAMIC_DNS:
        yield Reached(_by_request(scope), assignment=None)


def _black_hole(scope: Scope) -> ir.Cluster:
    return ir.Cluster(
        name=name.BLACK_HOLE,
        discovery=ir.Discovery.STATIC,
        connect_timeout=nanoseconds(scope.config.document.connect_timeout),
        load_balancer=ir.LoadBalancer(ir.Balancing.ROUND_ROBIN),
        limits=None,
    )


def _unknown(scope: Scope, named: str) -> ir.Cluster:
    """Return a cluster that goes where the connection was going."""
    cluster = ir.Cluster(
        name=named,
        discovery=ir.Discovery.ORIGINAL_DST,
        load_balancer=GIVEN,
        http=ir.HttpOptions(
            version=ir.HttpVersion.AS_CALLER,
            idle_timeout=IDLE,
            keep_header_case=scope.keeps_header_case,
        ),
    )
    base = scope.config.document.default_traffic_policy
    return pooled(cluster, base.connection_pool if base else None, scope.config)


def _by_request(scope: Scope) -> ir.Cluster:
    """Return the cluster that looks up whatever host a request names."""
    policy = scope.config.document.outbound_traffic_policy
    cache = ir.HostCache(
        name.DYNAMIC_DNS_CACHE, families(scope), hosts=LARGEST, insecure=True
    )
    cluster = ir.Cluster(
        name=name.DYNAMIC_DNS,
        discovery=ir.Discovery.PER_REQUEST,
        cache=cache,
        load_balancer=GIVEN,
        http=ir.HttpOptions(version=ir.HttpVersion.AS_CALLER, idle_timeout=IDLE),
    )
    cluster = pooled(cluster, None, scope.config)
    peer = Peer("", (), (), automatic=False, credentials=False)
    limits, node = scope.config.document.tls_defaults, scope.group.node
    return secured(cluster, policy.tls if policy else None, peer, node, limits)
