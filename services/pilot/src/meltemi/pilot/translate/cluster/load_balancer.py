"""How an endpoint is picked, and which are left out.

Source: pilot/pkg/networking/core/cluster_traffic_policy.go applyLoadBalancer,
applyOutlierDetection and loadbalancer/loadbalancer.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meltemi.config.schema.load_balancer import SimpleLB
from meltemi.pilot import ir
from meltemi.pilot.translate.cluster.pool import nanoseconds

if TYPE_CHECKING:
    from meltemi.config.schema.load_balancer import (
        ConsistentHashLB,
        LoadBalancerSettings,
        LocalityLoadBalancerSetting,
    )
    from meltemi.config.schema.traffic_policy import OutlierDetection, TrafficPolicy

SIMPLE: Final = {
    SimpleLB.ROUND_ROBIN: ir.Balancing.ROUND_ROBIN,
    SimpleLB.RANDOM: ir.Balancing.RANDOM,
    SimpleLB.PASSTHROUGH: ir.Balancing.GIVEN,
}
"""Every other word, and none at all, is least request: Istio's default."""
RING_MINIMUM: Final = 1024
"""Istio's smallest ring where the user names no size."""


def balanced(
    cluster: ir.Cluster,
    policy: TrafficPolicy,
    mesh: LocalityLoadBalancerSetting | None,
) -> ir.Cluster:
    """Return ``cluster``, whose endpoints are picked as ``policy`` says.

    ``mesh`` is how the mesh prefers places, where the policy says nothing of it.
    """
    settings = policy.load_balancer
    if cluster.discovery in (ir.Discovery.ORIGINAL_DST, ir.Discovery.PER_REQUEST):
        given = ir.LoadBalancer(ir.Balancing.GIVEN)
        return replace(cluster, load_balancer=given)
    balancer = load_balancer(settings) if settings else ir.LoadBalancer()
    if balancer.policy is ir.Balancing.GIVEN:
        return replace(
            cluster,
            load_balancer=balancer,
            discovery=ir.Discovery.ORIGINAL_DST,
            lookup=None,
            members=None,
        )
    by_place = locality_setting(settings, mesh)
    weighted = by_place is not None and _weighs(
        by_place, detects=policy.outlier_detection is not None
    )
    return replace(
        cluster, load_balancer=replace(balancer, weighted_localities=weighted)
    )


def locality_setting(
    settings: LoadBalancerSettings | None, mesh: LocalityLoadBalancerSetting | None
) -> LocalityLoadBalancerSetting | None:
    """Return what holds of places: the rule's word, else the mesh's; None: nothing."""
    own = settings.locality_lb_setting if settings else None
    holds = mesh if own is None else own
    if holds is None:
        return None
    return None if holds.enabled is False else holds


def _weighs(setting: LocalityLoadBalancerSetting, *, detects: bool) -> bool:
    """Tell whether Envoy must weigh places: to share traffic out, or to fail over."""
    return bool(setting.distribute) or detects


def load_balancer(settings: LoadBalancerSettings) -> ir.LoadBalancer:
    """Return how an endpoint is picked."""
    if settings.consistent_hash:
        return _hashing(settings.consistent_hash)
    simple = settings.simple or SimpleLB.UNSPECIFIED
    balancer = ir.LoadBalancer(SIMPLE.get(simple, ir.Balancing.LEAST_REQUEST))
    warmup = settings.warmup
    if warmup:
        return replace(
            balancer,
            warmup=warmup.duration.nanoseconds,
            warmup_aggression=1.0 if warmup.aggression is None else warmup.aggression,
            warmup_minimum_percent=(
                10.0 if warmup.minimum_percent is None else warmup.minimum_percent
            ),
        )
    if settings.warmup_duration_secs:
        return replace(balancer, warmup=settings.warmup_duration_secs.nanoseconds)
    return balancer


def _hashing(settings: ConsistentHashLB) -> ir.LoadBalancer:
    if settings.maglev:
        size = settings.maglev.table_size or 0
        return ir.LoadBalancer(ir.Balancing.MAGLEV, table_size=size)
    if settings.ring_hash:
        size = settings.ring_hash.minimum_ring_size or 0
        return ir.LoadBalancer(ir.Balancing.RING_HASH, table_size=size)
    size = settings.minimum_ring_size or RING_MINIMUM
    return ir.LoadBalancer(ir.Balancing.RING_HASH, table_size=size)


def hash_policies(settings: LoadBalancerSettings | None) -> tuple[ir.HashPolicy, ...]:
    """Return what requests to a cluster under ``settings`` are hashed on."""
    hashing = settings.consistent_hash if settings else None
    if hashing is None:
        return ()
    if hashing.http_header_name:
        return (ir.HashPolicy(ir.HashOn.HEADER, hashing.http_header_name),)
    if hashing.http_cookie:
        cookie = hashing.http_cookie
        ttl = cookie.ttl.nanoseconds if cookie.ttl else None
        path = cookie.path or ""
        given = tuple((each.name, each.value or "") for each in cookie.attributes)
        return (ir.HashPolicy(ir.HashOn.COOKIE, cookie.name, path, ttl, given),)
    if hashing.http_query_parameter_name:
        return (ir.HashPolicy(ir.HashOn.QUERY, hashing.http_query_parameter_name),)
    return (ir.HashPolicy(ir.HashOn.SOURCE_IP),) if hashing.use_source_ip else ()


def watched(cluster: ir.Cluster, rule: OutlierDetection | None) -> ir.Cluster:
    """Return ``cluster``, whose endpoints that keep failing are left out for a while.

    Without a share of healthy ones that must remain, all may be left out: Istio turns
    Envoy's panic mode off.
    """
    if rule is None:
        return replace(cluster, panic_threshold=0)
    codes = rule.outlier_detection_http_error_codes
    options = cluster.http
    if codes:
        options = replace(options or ir.HttpOptions(), error_codes=codes)
    return replace(
        cluster,
        http=options,
        panic_threshold=rule.min_health_percent or 0,
        outlier=ir.OutlierDetection(
            consecutive_5xx=rule.consecutive_5xx_errors,
            consecutive_gateway_errors=rule.consecutive_gateway_errors,
            consecutive_local_failures=rule.consecutive_local_origin_failures,
            split_local_errors=rule.split_external_local_origin_errors or False,
            interval=nanoseconds(rule.interval),
            base_ejection_time=nanoseconds(rule.base_ejection_time),
            max_ejection_percent=rule.max_ejection_percent,
        ),
    )
