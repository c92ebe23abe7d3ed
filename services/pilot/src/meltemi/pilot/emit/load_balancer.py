"""How a cluster picks an endpoint, in Envoy's words."""

from __future__ import annotations

from typing import assert_never

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.type.v3.percent_pb2 import Percent
from google.protobuf.wrappers_pb2 import UInt64Value

from meltemi.pilot import ir
from meltemi.pilot.emit.wire import duration

POLICIES = {
    ir.Balancing.LEAST_REQUEST: Cluster.LEAST_REQUEST,
    ir.Balancing.ROUND_ROBIN: Cluster.ROUND_ROBIN,
    ir.Balancing.RANDOM: Cluster.RANDOM,
    ir.Balancing.RING_HASH: Cluster.RING_HASH,
    ir.Balancing.MAGLEV: Cluster.MAGLEV,
    ir.Balancing.GIVEN: Cluster.CLUSTER_PROVIDED,
}


NO_RUNTIME_KEY = "("
"""Envoy wants a key here; Istio gives one that nobody can set."""


def balance(result: Cluster, balancer: ir.LoadBalancer) -> None:
    """Give ``result`` the settings of its policy."""
    size = balancer.table_size
    match balancer.policy:
        case ir.Balancing.RING_HASH:
            ring = result.ring_hash_lb_config
            if size:
                ring.minimum_ring_size.CopyFrom(UInt64Value(value=size))
            else:
                ring.SetInParent()
        case ir.Balancing.MAGLEV:
            maglev = result.maglev_lb_config
            if size:
                maglev.table_size.CopyFrom(UInt64Value(value=size))
            else:
                maglev.SetInParent()
        case ir.Balancing.LEAST_REQUEST:
            if balancer.warmup:
                slow = result.least_request_lb_config.slow_start_config
                slow.CopyFrom(_slow_start(balancer))
        case ir.Balancing.ROUND_ROBIN:
            if balancer.warmup:
                slow = result.round_robin_lb_config.slow_start_config
                slow.CopyFrom(_slow_start(balancer))
        case ir.Balancing.RANDOM | ir.Balancing.GIVEN:
            return
        case never:
            assert_never(never)


def _slow_start(balancer: ir.LoadBalancer) -> Cluster.SlowStartConfig:
    config = Cluster.SlowStartConfig(slow_start_window=duration(balancer.warmup))
    if balancer.warmup_minimum_percent is not None:
        share = Percent(value=balancer.warmup_minimum_percent)
        config.min_weight_percent.CopyFrom(share)
    if balancer.warmup_aggression is not None:
        config.aggression.default_value = balancer.warmup_aggression
        config.aggression.runtime_key = NO_RUNTIME_KEY
    return config
