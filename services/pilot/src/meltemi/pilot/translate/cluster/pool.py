"""A connection pool's limits, applied to a cluster.

Source: pilot/pkg/networking/core/cluster_traffic_policy.go applyConnectionPool.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meltemi.config.schema.mesh_config import MeshH2UpgradePolicy
from meltemi.config.schema.traffic_policy import H2UpgradePolicy
from meltemi.pilot import ir

if TYPE_CHECKING:
    from meltemi.config.schema.traffic_policy import (
        ConnectionPoolSettings,
        HTTPSettings,
        RetryBudget,
        TcpKeepalive,
    )
    from meltemi.config.values import Duration
    from meltemi.pilot.model.mesh_config import MeshConfig
    from meltemi.pilot.model.service import Port

DEFAULT_BUDGET = ir.RetryBudget(percent=20.0, minimum=3)


def pooled(
    cluster: ir.Cluster,
    pool: ConnectionPoolSettings | None,
    config: MeshConfig,
    budget: RetryBudget | None = None,
) -> ir.Cluster:
    """Return ``cluster`` with the limits of ``pool``, over those of the mesh."""
    http = pool.http if pool else None
    tcp = pool.tcp if pool else None
    timeout = config.document.connect_timeout
    if tcp and tcp.connect_timeout is not None:
        timeout = tcp.connect_timeout
    limits = ir.Limits(
        connections=(tcp.max_connections if tcp else 0) or ir.UNLIMITED,
        pending_requests=(http.http1_max_pending_requests if http else 0)
        or ir.UNLIMITED,
        requests=(http.http2_max_requests if http else 0) or ir.UNLIMITED,
        retries=(http.max_retries if http else 0) or ir.UNLIMITED,
        budget=_budget(budget),
    )
    return replace(
        cluster,
        connect_timeout=nanoseconds(timeout),
        limits=limits,
        keepalive=_keepalive(
            config.document.tcp_keepalive, tcp.tcp_keepalive if tcp else None
        ),
        http=_http(cluster.http, pool),
    )


def upgraded(
    cluster: ir.Cluster,
    pool: ConnectionPoolSettings | None,
    port: Port,
    config: MeshConfig,
) -> ir.Cluster:
    """Return ``cluster``, which speaks HTTP/2 where ``pool`` or the mesh wants that.

    A port that nobody said is HTTP follows only the rule's own word.
    """
    http = pool.http if pool else None
    policy = (http.h2_upgrade_policy if http else None) or H2UpgradePolicy.DEFAULT
    match policy:
        case H2UpgradePolicy.UPGRADE:
            wanted = True
        case H2UpgradePolicy.DO_NOT_UPGRADE:
            wanted = False
        case H2UpgradePolicy.DEFAULT:
            mesh = config.document.h2_upgrade_policy
            wanted = port.protocol.is_http and mesh is MeshH2UpgradePolicy.UPGRADE
    if cluster.http and cluster.http.version is ir.HttpVersion.AS_CALLER:
        return cluster
    return with_version(cluster, ir.HttpVersion.HTTP2) if wanted else cluster


def with_version(cluster: ir.Cluster, version: ir.HttpVersion) -> ir.Cluster:
    """Return ``cluster``, which speaks that version of HTTP."""
    options = cluster.http or ir.HttpOptions()
    return replace(cluster, http=replace(options, version=version))


def _http(
    options: ir.HttpOptions | None, pool: ConnectionPoolSettings | None
) -> ir.HttpOptions | None:
    if pool is None:
        return options
    http, tcp = pool.http, pool.tcp
    idle = http.idle_timeout if http else None
    if idle is None and tcp:
        idle = tcp.idle_timeout
    before = options or ir.HttpOptions()
    limited = replace(
        before,
        idle_timeout=nanoseconds(idle) or before.idle_timeout,
        max_duration=nanoseconds(tcp.max_connection_duration) if tcp else None,
    )
    if http:
        limited = _requests(limited, http)
    if http and http.use_client_protocol:
        return replace(limited, version=ir.HttpVersion.AS_CALLER)
    return options if limited == before else limited


def _requests(options: ir.HttpOptions, http: HTTPSettings) -> ir.HttpOptions:
    """Return ``options`` under ``http``; a limit of streams means HTTP/2 to Istio."""
    streams, alive = http.max_concurrent_streams or 0, http.http2_keep_alive
    if alive and not (alive.interval and alive.timeout):
        alive = None  # Envoy refuses one without the other
    if streams and options.version is ir.HttpVersion.HTTP1:
        options = replace(options, version=ir.HttpVersion.HTTP2)
    return replace(
        options,
        max_requests_per_connection=http.max_requests_per_connection or 0,
        max_concurrent_streams=streams,
        keepalive_interval=nanoseconds(alive.interval) if alive else None,
        keepalive_timeout=nanoseconds(alive.timeout) if alive else None,
    )


def _budget(given: RetryBudget | None) -> ir.RetryBudget | None:
    """Return the budget; what it leaves out is 20 % and 3 retries, as in Envoy."""
    if given is None:
        return None
    percent, minimum = given.percent, given.min_retry_concurrency
    return ir.RetryBudget(
        percent=DEFAULT_BUDGET.percent if percent is None else percent,
        minimum=DEFAULT_BUDGET.minimum if minimum is None else minimum,
    )


def _keepalive(
    mesh: TcpKeepalive | None, own: TcpKeepalive | None
) -> ir.Keepalive | None:
    """Return the probes: the rule's own words over the mesh's, one by one."""
    if mesh is None and own is None:
        return None
    found = [each for each in (own, mesh) if each]
    probes = [each.probes for each in found if each.probes]
    times = [each.time for each in found if each.time]
    intervals = [each.interval for each in found if each.interval]
    return ir.Keepalive(
        probes=probes[0] if probes else 0,
        time=int(times[0].seconds) if times else 0,
        interval=int(intervals[0].seconds) if intervals else 0,
    )


def nanoseconds(duration: Duration | None) -> int | None:
    """Return the length in nanoseconds; None stays None."""
    return duration.nanoseconds if duration is not None else None
