"""Clusters, as Envoy's Cluster."""

from __future__ import annotations

from typing import assert_never

from envoy.config.cluster.v3 import outlier_detection_pb2
from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster, UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import TcpKeepalive
from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
)
from envoy.extensions.clusters.common.dns.v3.dns_pb2 import DnsLookupFamily
from envoy.extensions.clusters.dns.v3.dns_cluster_pb2 import DnsCluster
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt32Value, UInt64Value

from meltemi.pilot import ir
from meltemi.pilot.emit import tls
from meltemi.pilot.emit.endpoint import assignment
from meltemi.pilot.emit.wire import (
    duration,
    from_ads,
    optional_duration,
    optional_uint,
    packed,
)

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
RING_MINIMUM = 1024
"""Istio's smallest ring where the user names no size."""

DNS_REFRESH = 60 * ir.SECOND
"""Istio's MeshConfig.dnsRefreshRate; a record's own time to live goes before it."""

POLICIES = {
    ir.Balancing.LEAST_REQUEST: Cluster.LEAST_REQUEST,
    ir.Balancing.ROUND_ROBIN: Cluster.ROUND_ROBIN,
    ir.Balancing.RANDOM: Cluster.RANDOM,
    ir.Balancing.RING_HASH: Cluster.RING_HASH,
    ir.Balancing.MAGLEV: Cluster.MAGLEV,
}


def cluster(made: ir.Cluster) -> Cluster:
    """Return ``made`` in Envoy's words."""
    result = Cluster(
        name=made.name,
        alt_stat_name=f"{made.name};",
        connect_timeout=duration(made.connect_timeout),
        lb_policy=POLICIES[made.load_balancer.policy],
        circuit_breakers=CircuitBreakers(thresholds=[_thresholds(made.limits)]),
    )
    _discover(result, made)
    _balance(result, made.load_balancer)
    tls.secure(result, made.client)
    if made.outlier is not None:
        result.outlier_detection.CopyFrom(_outlier(made.outlier))
    if made.panic_threshold is not None:
        threshold = Percent(value=made.panic_threshold)
        result.common_lb_config.healthy_panic_threshold.CopyFrom(threshold)
    if made.keepalive is not None:
        result.upstream_connection_options.CopyFrom(_keepalive(made.keepalive))
    if made.http is not None:
        options = packed(_http(made.http))
        result.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(options)
    _label(result, made)
    return result


def _discover(result: Cluster, made: ir.Cluster) -> None:
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
            dns = DnsCluster(
                dns_refresh_rate=duration(DNS_REFRESH),
                respect_dns_ttl=True,
                dns_lookup_family=DnsLookupFamily.V4_PREFERRED,
                all_addresses_in_single_endpoint=(
                    made.discovery is ir.Discovery.LOGICAL_DNS
                ),
            )
            result.cluster_type.name = "envoy.cluster.dns"
            result.cluster_type.typed_config.CopyFrom(packed(dns))
        case never:
            assert_never(never)


def _balance(result: Cluster, balancer: ir.LoadBalancer) -> None:
    size = balancer.table_size
    match balancer.policy:
        case ir.Balancing.RING_HASH:
            minimum = UInt64Value(value=size or RING_MINIMUM)
            result.ring_hash_lb_config.minimum_ring_size.CopyFrom(minimum)
        case ir.Balancing.MAGLEV:
            if size:
                table = UInt64Value(value=size)
                result.maglev_lb_config.table_size.CopyFrom(table)
        case ir.Balancing.LEAST_REQUEST:
            if balancer.warmup:
                slow = result.least_request_lb_config.slow_start_config
                slow.CopyFrom(_slow_start(balancer))
        case ir.Balancing.ROUND_ROBIN:
            if balancer.warmup:
                slow = result.round_robin_lb_config.slow_start_config
                slow.CopyFrom(_slow_start(balancer))
        case ir.Balancing.RANDOM:
            return
        case never:
            assert_never(never)


def _slow_start(balancer: ir.LoadBalancer) -> Cluster.SlowStartConfig:
    config = Cluster.SlowStartConfig(
        slow_start_window=duration(balancer.warmup),
        min_weight_percent=Percent(value=balancer.warmup_minimum_percent),
    )
    config.aggression.default_value = balancer.warmup_aggression
    config.aggression.runtime_key = "upstream.slow_start_aggression"
    return config


def _thresholds(limits: ir.Limits) -> CircuitBreakers.Thresholds:
    return CircuitBreakers.Thresholds(
        max_connections=UInt32Value(value=limits.connections),
        max_pending_requests=UInt32Value(value=limits.pending_requests),
        max_requests=UInt32Value(value=limits.requests),
        max_retries=UInt32Value(value=limits.retries),
    )


def _outlier(rule: ir.OutlierDetection) -> outlier_detection_pb2.OutlierDetection:
    """Return the rule; a criterion given as 0 is not enforced, as in Istio."""
    result = outlier_detection_pb2.OutlierDetection(
        consecutive_5xx=optional_uint(rule.consecutive_5xx),
        enforcing_consecutive_5xx=_enforcing(rule.consecutive_5xx),
        consecutive_gateway_failure=optional_uint(rule.consecutive_gateway_errors),
        enforcing_consecutive_gateway_failure=_enforcing(
            rule.consecutive_gateway_errors
        ),
        interval=optional_duration(rule.interval),
        base_ejection_time=optional_duration(rule.base_ejection_time),
        max_ejection_percent=optional_uint(rule.max_ejection_percent),
        enforcing_success_rate=UInt32Value(value=0),
    )
    if rule.split_local_errors:
        result.split_external_local_origin_errors = True
        local = rule.consecutive_local_failures
        if local is not None:
            result.consecutive_local_origin_failure.value = local
            result.enforcing_consecutive_local_origin_failure.value = 100 * (local > 0)
        result.enforcing_local_origin_success_rate.value = 0
    return result


def _enforcing(threshold: int | None) -> UInt32Value | None:
    return None if threshold is None else UInt32Value(value=100 * (threshold > 0))


def _keepalive(probes: ir.Keepalive) -> UpstreamConnectionOptions:
    return UpstreamConnectionOptions(
        tcp_keepalive=TcpKeepalive(
            keepalive_probes=optional_uint(probes.probes or None),
            keepalive_time=optional_uint(probes.time or None),
            keepalive_interval=optional_uint(probes.interval or None),
        )
    )


def _http(options: ir.HttpOptions) -> http_protocol_options_pb2.HttpProtocolOptions:
    result = http_protocol_options_pb2.HttpProtocolOptions(
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=optional_duration(options.idle_timeout),
            max_requests_per_connection=optional_uint(
                options.max_requests_per_connection or None
            ),
        )
    )
    http2 = Http2ProtocolOptions(
        max_concurrent_streams=optional_uint(options.max_concurrent_streams or None)
    )
    match options.version:
        case ir.HttpVersion.HTTP1:
            explicit = result.explicit_http_config
            explicit.http_protocol_options.CopyFrom(Http1ProtocolOptions())
        case ir.HttpVersion.HTTP2:
            result.explicit_http_config.http2_protocol_options.CopyFrom(http2)
        case ir.HttpVersion.AS_CALLER:
            caller = result.use_downstream_protocol_config
            caller.http_protocol_options.CopyFrom(Http1ProtocolOptions())
            caller.http2_protocol_options.CopyFrom(http2)
        case never:
            assert_never(never)
    return result


def _label(result: Cluster, made: ir.Cluster) -> None:
    """Say which service, rule and subset the cluster is: metrics and tools ask."""
    label = result.metadata.filter_metadata["istio"]
    if made.service is not None:
        service = {
            "host": made.service.host,
            "name": made.service.name,
            "namespace": made.service.namespace,
        }
        label.update({"services": [service]})
    for origin in made.origins:
        if origin.kind == "DestinationRule":
            label.update({"config": origin.config})
    if made.subset:
        label.update({"subset": made.subset})
    if not label.fields:
        result.ClearField("metadata")
