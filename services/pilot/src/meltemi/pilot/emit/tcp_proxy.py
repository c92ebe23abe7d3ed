"""Byte streams, as Envoy's TcpProxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.type.v3.hash_policy_pb2 import HashPolicy

from meltemi.pilot.emit.access_log import access_logs
from meltemi.pilot.emit.wire import optional_duration

if TYPE_CHECKING:
    from meltemi.pilot import ir


def tcp_proxy(made: ir.TcpFilter) -> TcpProxy:
    """Return a filter that passes bytes to one cluster, or to several by weight."""
    result = TcpProxy(
        stat_prefix=made.stat_prefix,
        idle_timeout=optional_duration(made.idle_timeout),
        max_downstream_connection_duration=optional_duration(made.max_duration),
        access_log=access_logs(made.access_logs),
    )
    if made.count_openings:
        result.access_log_options.flush_access_log_on_connected = True
    if len(made.targets) == 1:
        result.cluster = made.targets[0].cluster
    else:
        for target in made.targets:
            result.weighted_clusters.clusters.add(
                name=target.cluster, weight=target.weight
            )
    if made.hash:
        by_source = HashPolicy(source_ip=HashPolicy.SourceIp())
        result.hash_policy.append(by_source)
    if made.tunnel is not None:
        result.tunneling_config.hostname = made.tunnel.host
        result.tunneling_config.use_post = made.tunnel.post
    return result
