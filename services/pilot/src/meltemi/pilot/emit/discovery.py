"""How a cluster learns its endpoints, in Envoy's words."""

from __future__ import annotations

from typing import assert_never

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.clusters.common.dns.v3.dns_pb2 import DnsLookupFamily
from envoy.extensions.clusters.dns.v3.dns_cluster_pb2 import DnsCluster
from envoy.extensions.clusters.dynamic_forward_proxy.v3.cluster_pb2 import (
    ClusterConfig,
)
from envoy.extensions.common.dynamic_forward_proxy.v3.dns_cache_pb2 import (
    DnsCacheConfig,
)
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import (
    CaresDnsResolverConfig,
)
from google.protobuf.wrappers_pb2 import UInt32Value

from meltemi.pilot import ir
from meltemi.pilot.emit.endpoint import assignment
from meltemi.pilot.emit.wire import (
    duration,
    from_ads,
    optional_duration,
    optional_uint,
    packed,
)

FAMILIES = {
    ir.Families.IPV4: DnsLookupFamily.V4_ONLY,
    ir.Families.IPV6: DnsLookupFamily.V6_ONLY,
    ir.Families.EITHER: DnsLookupFamily.V4_PREFERRED,
    ir.Families.BOTH: DnsLookupFamily.ALL,
}
CACHE_FAMILIES = {
    ir.Families.IPV4: Cluster.V4_ONLY,
    ir.Families.IPV6: Cluster.V6_ONLY,
    ir.Families.EITHER: Cluster.V4_PREFERRED,
    ir.Families.BOTH: Cluster.ALL,
}


def discover(result: Cluster, made: ir.Cluster) -> None:
    """Say how ``result`` learns its endpoints."""
    if made.members is not None:
        result.load_assignment.CopyFrom(assignment(made.members))
    match made.discovery:
        case ir.Discovery.EDS:
            result.type = Cluster.EDS
            result.eds_cluster_config.eds_config.CopyFrom(from_ads())
            result.eds_cluster_config.service_name = made.name
        case ir.Discovery.STATIC:
            result.type = Cluster.STATIC
        case ir.Discovery.STRICT_DNS | ir.Discovery.LOGICAL_DNS:
            result.cluster_type.name = "envoy.cluster.dns"
            result.cluster_type.typed_config.CopyFrom(packed(_dns(made)))
        case ir.Discovery.ORIGINAL_DST:
            result.type = Cluster.ORIGINAL_DST
            if made.port_override:
                override = UInt32Value(value=made.port_override)
                config = result.original_dst_lb_config
                config.upstream_port_override.CopyFrom(override)
        case ir.Discovery.PER_REQUEST:
            result.cluster_type.name = "envoy.clusters.dynamic_forward_proxy"
            result.cluster_type.typed_config.CopyFrom(packed(_by_request(made)))
        case never:
            assert_never(never)


def _dns(made: ir.Cluster) -> DnsCluster:
    lookup = made.lookup or ir.Lookup()
    result = DnsCluster(
        dns_refresh_rate=optional_duration(lookup.refresh),
        dns_jitter=duration(lookup.jitter) if lookup.jitter else None,
        respect_dns_ttl=True,
        dns_lookup_family=FAMILIES[lookup.families],
        all_addresses_in_single_endpoint=made.discovery is ir.Discovery.LOGICAL_DNS,
    )
    resolver = CaresDnsResolverConfig(
        udp_max_queries=optional_uint(lookup.udp_queries or None)
    )
    result.typed_dns_resolver_config.name = "envoy.network.dns_resolver.cares"
    result.typed_dns_resolver_config.typed_config.CopyFrom(packed(resolver))
    return result


def _by_request(made: ir.Cluster) -> ClusterConfig:
    cache = made.cache or ir.HostCache(made.name, ir.Families.EITHER)
    return ClusterConfig(
        dns_cache_config=host_cache(cache),
        allow_insecure_cluster_options=cache.insecure,
    )


def host_cache(cache: ir.HostCache) -> DnsCacheConfig:
    """Return the cache; clusters and filters that name one must agree on all of it."""
    return DnsCacheConfig(
        name=cache.name,
        dns_lookup_family=CACHE_FAMILIES[cache.families],
        max_hosts=optional_uint(cache.hosts or None),
    )
