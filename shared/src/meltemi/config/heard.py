"""What of a ProxyConfig changes something in an agent or its Envoy. No I/O.

The agent reads it so, and who passes one on to agents tells their owner so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.proxy_defaults import ProxyDefaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

META: Final = "ISTIO_META_"
"""What the variables of proxyMetadata begin with that become node metadata."""

HOSTS_APART: Final = f"{META}MELTEMI_VHDS"
"""The variable of a proxy, or in a MeshConfig of all, that fetches virtual hosts one by
one."""

SECURE_STATS: Final = "ENVOY_SECURE_METRICS_PORT"
SECURE_MERGED_STATS: Final = "ENVOY_SECURE_MERGED_METRICS_PORT"
STATS: Final = "ENVOY_PROMETHEUS_PORT"
PORTS: Final = (STATS, SECURE_STATS, SECURE_MERGED_STATS)
"""Variables of Istio's agent, in proxyMetadata: where Envoy serves statistics."""

HEARD: Final = frozenset(
    {
        *("concurrency", "connection_settings", "drain_duration"),
        *("envoy_access_log_service", "envoy_metrics_service"),
        *("file_flush_interval", "file_flush_min_size_kb", "interception_mode"),
        *("proxy_admin_port", "proxy_metadata", "proxy_stats_matcher"),
        *("readiness_probe", "runtime_values", "service_cluster"),
        *("stats_compression", "statsd_udp_address", "status_port"),
        *("termination_drain_duration", "tracing"),
    }
)
"""The fields that change something in an agent or its Envoy."""

HEARD_BELOW: Final[Mapping[str, frozenset[str]]] = {
    "connection_settings": frozenset({"global_downstream_connection_limit"}),
    "tracing": frozenset({"zipkin", "datadog", "tls_settings"}),
}
"""Of these fields, what is below them; Pilot reads the rest, where a MeshConfig or a
WorkloadGroup says it."""

TELLABLE: Final = HEARD - {
    *("interception_mode", "proxy_admin_port", "readiness_probe", "status_port"),
}
"""Of those, what the mesh may say: ports, capture and probes are the machine's."""

RESERVED: Final = (
    *("AUTO_REGISTER_GROUP", "DNS_CAPTURE", "MELTEMI_", "PROXY_CONFIG"),
    *("TLS_CLIENT_", "TLS_SERVER_", "WORKLOAD_"),
)
"""What metadata begins with that the mesh may not say of a node: files, and what its
agent alone knows."""

VARIABLES: Final = ("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "MINIMUM_DRAIN_DURATION")
"""Further variables of Istio's agent that are settings of ours."""
REFUSED: Final[Mapping[str, str]] = {
    "custom_config_file": "a bootstrap is made here, and never read from a file",
    "proxy_bootstrap_template_path": "a bootstrap is made of values, without templates",
    "private_key_provider": "stock Envoy has none, and keys would be kept otherwise",
}
"""What would change who decides: not to be passed over."""

REFUSED_TRACERS: Final = ("lightstep", "stackdriver", "open_census_agent")


def unheard(config: ProxyDefaults) -> Iterator[str]:
    """Yield each part of ``config`` that changes nothing, as it is spelled."""
    for name in _set(config, ProxyDefaults()):
        if name not in HEARD:
            yield spelled(name)
    for field, heard in HEARD_BELOW.items():
        below = getattr(config, field)
        for name in _set(below, type(below)()) if below else ():
            if name not in heard:
                yield f"{spelled(field)}.{spelled(name)}"
    for name in config.proxy_metadata:
        if not name.startswith(META) and name not in (*PORTS, *VARIABLES):
            yield f"proxyMetadata.{name}"


def _set(given: object, nothing: object) -> Iterator[str]:
    names: tuple[str, ...] = getattr(given, "__struct_fields__", ())
    for name in names:
        if getattr(given, name) != getattr(nothing, name):
            yield name


def spelled(field: str) -> str:
    """Return the name of ``field`` as Istio's API has it."""
    first, *others = field.split("_")
    return first + "".join(each.capitalize() for each in others)


def refusals(config: ProxyDefaults) -> Iterator[str]:
    """Yield each part of ``config`` with which an agent refuses to start, and why."""
    for name, reason in REFUSED.items():
        if getattr(config, name):
            yield f"{spelled(name)} is refused: {reason}"
    for name in REFUSED_TRACERS:
        if config.tracing and getattr(config.tracing, name) is not None:
            yield (
                f"tracing.{spelled(name)} is refused: Envoy has no such tracer; name "
                "a provider in the mesh's extensionProviders"
            )
