"""Clusters, as Envoy's Cluster."""

from __future__ import annotations

from envoy.config.cluster.v3 import outlier_detection_pb2
from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster, UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import (
    BindConfig,
    ExtraSourceAddress,
    SocketAddress,
    TcpKeepalive,
)
from envoy.config.core.v3.health_check_pb2 import HealthStatus
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt32Value

from meltemi.pilot import ir
from meltemi.pilot.emit import tls
from meltemi.pilot.emit.discovery import discover
from meltemi.pilot.emit.load_balancer import POLICIES, balance
from meltemi.pilot.emit.upstream_http import http_options
from meltemi.pilot.emit.wire import (
    duration,
    optional_duration,
    optional_uint,
    packed,
)

HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
NEVER = 9_223_372_035 * ir.SECOND
"""The longest interval that Envoy takes."""

CHOOSABLE = (
    HealthStatus.HEALTHY,
    HealthStatus.DRAINING,
    HealthStatus.UNKNOWN,
    HealthStatus.DEGRADED,
)
"""What a session that chose its endpoint may stay with."""


def cluster(made: ir.Cluster) -> Cluster:
    """Return ``made`` in Envoy's words."""
    result = Cluster(
        name=made.name,
        alt_stat_name=f"{made.stat_name or made.name};",
        connect_timeout=optional_duration(made.connect_timeout),
        lb_policy=POLICIES[made.load_balancer.policy],
        per_connection_buffer_limit_bytes=optional_uint(made.buffer_limit),
    )
    if made.limits is not None:
        result.circuit_breakers.thresholds.append(_thresholds(made.limits))
    discover(result, made)
    _balance(result, made)
    tls.secure(result, made.client)
    if made.outlier is not None:
        result.outlier_detection.CopyFrom(_outlier(made.outlier))
    if made.source_addresses:
        result.upstream_bind_config.CopyFrom(_bind(made.source_addresses, made.netns))
    if made.keep_destinations:
        result.cleanup_interval.CopyFrom(duration(NEVER))
    if made.keepalive is not None:
        result.upstream_connection_options.CopyFrom(_keepalive(made.keepalive))
    if made.http is not None:
        options = packed(http_options(made.http))
        result.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(options)
    _label(result, made)
    return result


def _bind(addresses: tuple[str, ...], netns: str) -> BindConfig:
    first, *others = (
        SocketAddress(address=each, port_value=0, network_namespace_filepath=netns)
        for each in addresses
    )
    return BindConfig(
        source_address=first,
        extra_source_addresses=[ExtraSourceAddress(address=each) for each in others],
    )


def _balance(result: Cluster, made: ir.Cluster) -> None:
    balance(result, made.load_balancer)
    if made.panic_threshold is not None:
        threshold = Percent(value=made.panic_threshold)
        result.common_lb_config.healthy_panic_threshold.CopyFrom(threshold)
    if made.services and made.cache is None:
        result.common_lb_config.SetInParent()
    if made.load_balancer.weighted_localities:
        result.common_lb_config.locality_weighted_lb_config.SetInParent()
    if made.keep_draining:
        result.common_lb_config.override_host_status.statuses.extend(CHOOSABLE)


def _thresholds(limits: ir.Limits) -> CircuitBreakers.Thresholds:
    result = CircuitBreakers.Thresholds(
        max_connections=UInt32Value(value=limits.connections),
        max_pending_requests=UInt32Value(value=limits.pending_requests),
        max_requests=UInt32Value(value=limits.requests),
        max_retries=UInt32Value(value=limits.retries),
    )
    if limits.budget is not None:
        budget = CircuitBreakers.Thresholds.RetryBudget(
            min_retry_concurrency=optional_uint(limits.budget.minimum),
        )
        if limits.budget.percent is not None:
            budget.budget_percent.value = limits.budget.percent
        result.retry_budget.CopyFrom(budget)
    return result


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


def _label(result: Cluster, made: ir.Cluster) -> None:
    """Say which service, rule and subset the cluster is: metrics and tools ask."""
    label = result.metadata.filter_metadata["istio"]
    if made.services:
        services = [
            {"host": each.host, "name": each.name, "namespace": each.namespace}
            for each in made.services
        ]
        label.update({"services": services})
    if made.external:
        label.update({"external": True})
    if made.own_alpn:
        label.update({"alpn_override": "false"})
    for origin in made.origins:
        if origin.kind == "DestinationRule":
            label.update({"config": origin.config})
    if made.subset:
        label.update({"subset": made.subset})
    if not label.fields:
        result.ClearField("metadata")
    if made.counted and made.services:
        first = made.services[0]
        result.metadata.filter_metadata["meltemi"].update(
            {
                "service": first.host,
                "service_name": first.name,
                "service_namespace": first.namespace,
            }
        )
