"""The traffic policy that holds for one port of a service and one subset of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.config.schema.traffic_policy import TrafficPolicy

if TYPE_CHECKING:
    from meltemi.config.schema.destination_rule import DestinationRule, Subset
    from meltemi.config.schema.mesh_config import DefaultTrafficPolicy


def effective(rule: DestinationRule, subset: Subset | None, port: int) -> TrafficPolicy:
    """Return the policy for ``port`` of ``subset`` (None: of the whole service).

    A subset's policy replaces the rule's block by block; the settings of a port
    replace the blocks they can hold wholesale, set or not.

    Source:
        pilot/pkg/networking/core/cluster_traffic_policy.go and
        pilot/pkg/networking/util MergeTrafficPolicy.

    """
    policy = rule.traffic_policy or TrafficPolicy()
    if subset and subset.traffic_policy:
        policy = _over(policy, subset.traffic_policy)
    for setting in policy.port_level_settings:
        if setting.port and setting.port.number == port:
            return TrafficPolicy(
                load_balancer=setting.load_balancer,
                connection_pool=setting.connection_pool,
                outlier_detection=setting.outlier_detection,
                tls=setting.tls,
                tunnel=policy.tunnel,
                proxy_protocol=policy.proxy_protocol,
                retry_budget=policy.retry_budget,
            )
    return policy


def based(policy: TrafficPolicy, mesh: DefaultTrafficPolicy | None) -> TrafficPolicy:
    """Return ``policy`` with the blocks it leaves out taken from the mesh's."""
    if mesh is None:
        return policy
    return msgspec.structs.replace(
        policy,
        connection_pool=policy.connection_pool or mesh.connection_pool,
        outlier_detection=policy.outlier_detection or mesh.outlier_detection,
    )


def _over(policy: TrafficPolicy, narrower: TrafficPolicy) -> TrafficPolicy:
    changes = {
        name: value
        for name in TrafficPolicy.__struct_fields__
        if (value := getattr(narrower, name))
    }
    return msgspec.structs.replace(policy, **changes)
