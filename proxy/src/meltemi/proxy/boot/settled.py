"""What a ProxyConfig settles of the agent. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.heard import META, VARIABLES
from meltemi.config.values import Duration
from meltemi.kernel.errors import MeshError

if TYPE_CHECKING:
    from meltemi.config.schema.proxy_defaults import ProxyDefaults

LOOPBACK: Final = "127.0.0.1"
HIGHEST_PORT: Final = 65535


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


def _local(number: int | None) -> str | None:
    return None if number is None else f"{LOOPBACK}:{number}"


def _duration(text: str | None) -> Duration | None:
    try:
        return None if text is None else Duration.parse(text)
    except MeshError as error:
        raise ValueError(f"proxyMetadata.{VARIABLES[1]}: {error}") from error


def _seconds(length: Duration | None) -> float | None:
    return None if length is None else length.seconds
