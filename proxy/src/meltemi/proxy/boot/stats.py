"""Which statistics an Envoy keeps, and whom it tells. No I/O."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from meltemi.proxy.boot.clusters import METRICS_SERVICE
from meltemi.proxy.ready import CONNECTIONS
from meltemi.runtime.settings import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.proxy.boot.plain import JSON
    from meltemi.proxy.stats_inclusion import StatsInclusion

PREFIXES: Final = (
    "reporter=",
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "wasm",
)
SUFFIXES: Final = ("rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied")
REGEXPS: Final = (r"vhost\..*\.route\..*",)
OWN_PREFIXES: Final = ("component", "istio")
METRICS_TYPE: Final = "type.googleapis.com/envoy.config.metrics.v3."


def stats_config(more: StatsInclusion, *, connections: bool) -> JSON:
    """Return which statistics are kept: Istio's usual ones, and ``more``.

    With ``connections`` those that an agent waits by until none is open.
    """
    ends = (*SUFFIXES, *((CONNECTIONS,) if connections else ()), *more.suffixes)
    prefixes: list[JSON] = [{"prefix": each} for each in (*PREFIXES, *more.prefixes)]
    suffixes: list[JSON] = [{"suffix": each} for each in ends]
    regexps: list[JSON] = [
        {"safe_regex": {"regex": each}} for each in (*REGEXPS, *more.regexps)
    ]
    own: list[JSON] = [{"prefix": each} for each in OWN_PREFIXES]
    patterns = [*prefixes, *suffixes, *regexps, *own]
    return {
        "use_all_default_tags": True,
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    }


def sinks(config: ProxyDefaults) -> list[JSON]:
    """Return whom Envoy tells its statistics, unasked.

    Raises:
        ValueError: If an address is none.

    """
    return list(_sinks(config))


def _sinks(config: ProxyDefaults) -> Iterator[JSON]:
    if config.envoy_metrics_service and config.envoy_metrics_service.address:
        yield {
            "name": "envoy.stat_sinks.metrics_service",
            "typed_config": {
                "@type": f"{METRICS_TYPE}MetricsServiceConfig",
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": METRICS_SERVICE}},
            },
        }
    if config.statsd_udp_address:
        where = _statsd(config.statsd_udp_address)
        socket: JSON = {"address": where.host, "port_value": where.port}
        yield {
            "name": "envoy.stat_sinks.statsd",
            "typed_config": {
                "@type": f"{METRICS_TYPE}StatsdSink",
                "address": {"socket_address": socket},
            },
        }


def _statsd(text: str) -> Address:
    try:
        where = Address.parse(text)
        ipaddress.ip_address(where.host)
    except ValueError as error:
        raise ValueError(
            f"statsdUdpAddress: {error}; Envoy sends statistics to IP:PORT only"
        ) from error
    return where
