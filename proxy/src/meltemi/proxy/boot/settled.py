"""What a ProxyConfig settles of the agent, and what of it no agent reads. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.schema.proxy_defaults import ProxyDefaults
from meltemi.config.values import Duration
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

META: Final = "ISTIO_META_"
"""What the variables of proxyMetadata begin with that become node metadata."""

SECURE_STATS: Final = "ENVOY_SECURE_METRICS_PORT"
SECURE_MERGED_STATS: Final = "ENVOY_SECURE_MERGED_METRICS_PORT"
STATS: Final = "ENVOY_PROMETHEUS_PORT"
PORTS: Final = (STATS, SECURE_STATS, SECURE_MERGED_STATS)
"""Variables of Istio's agent, in proxyMetadata: where Envoy serves statistics."""

LOOPBACK: Final = "127.0.0.1"
HIGHEST_PORT: Final = 65535
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

VARIABLES: Final = ("EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "MINIMUM_DRAIN_DURATION")
"""Further variables of Istio's agent that are settings of ours."""


def settled(config: ProxyDefaults) -> dict[str, object]:
    """Return the agent's settings that ``config`` says, by their names.

    Raises:
        ValueError: If a duration in proxyMetadata is none.

    """
    kept, variables = config.proxy_stats_matcher, config.proxy_metadata
    idle, shortest = (variables.get(each) for each in VARIABLES)
    said: dict[str, object] = {
        "concurrency": config.concurrency,
        "drain_seconds": _seconds(config.termination_drain_duration),
        "health_probe": config.readiness_probe,
        "interception_mode": config.interception_mode
        and config.interception_mode.value,
        "admin_address": _local(config.proxy_admin_port),
        "status_address": _local(config.status_port),
        "exit_on_zero_active_connections": idle,
        "minimum_drain_seconds": _seconds(_duration(shortest)),
        "stats_inclusion": kept
        and {
            "prefixes": kept.inclusion_prefixes,
            "suffixes": kept.inclusion_suffixes,
            "regexps": kept.inclusion_regexps,
        },
    }
    return {name: each for name, each in said.items() if each is not None}


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


def metadata(config: ProxyDefaults) -> dict[str, str]:
    """Return the node metadata that ``config`` asks for, as Istio's agent has them."""
    return {
        name.removeprefix(META): each
        for name, each in config.proxy_metadata.items()
        if name.startswith(META)
    }


def port(config: ProxyDefaults, variable: str) -> int | None:
    """Return the port of ``variable``, one of `PORTS`; None where there is none.

    Raises:
        ValueError: If it is none.

    """
    said = config.proxy_metadata.get(variable, "0")
    if not said.isdecimal() or int(said) > HIGHEST_PORT:
        raise ValueError(f"proxyMetadata.{variable}: expected a port, found {said!r}")
    return int(said) or None


def _set(given: object, nothing: object) -> Iterator[str]:
    names: tuple[str, ...] = getattr(given, "__struct_fields__", ())
    for name in names:
        if getattr(given, name) != getattr(nothing, name):
            yield name


def spelled(field: str) -> str:
    """Return the name of ``field`` as Istio's API has it."""
    first, *others = field.split("_")
    return first + "".join(each.capitalize() for each in others)


def _local(number: int | None) -> str | None:
    return None if number is None else f"{LOOPBACK}:{number}"


def _duration(text: str | None) -> Duration | None:
    try:
        return None if text is None else Duration.parse(text)
    except MeshError as error:
        raise ValueError(f"proxyMetadata.{VARIABLES[1]}: {error}") from error


def _seconds(length: Duration | None) -> float | None:
    return None if length is None else length.seconds
