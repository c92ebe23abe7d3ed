"""What an Envoy may take on, and its runtime. No I/O.

Source:
    Istio's pkg/bootstrap/config.go, getGlobalDownstreamMaxConnections and the
    runtime flags.

"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.proxy.boot.settled import metadata

if TYPE_CHECKING:
    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.proxy.boot.plain import JSON

UNLIMITED: Final = 2_147_483_647
CONNECTION_MONITOR: Final = "envoy.resource_monitors.global_downstream_max_connections"
CONNECTION_MONITOR_TYPE: Final = (
    "type.googleapis.com/envoy.extensions.resource_monitors."
    "downstream_connections.v3.DownstreamConnectionsConfig"
)
IN_METADATA: Final = "GLOBAL_DOWNSTREAM_MAX_CONNECTIONS"
IN_RUNTIME: Final = "overload.global_downstream_max_connections"
USUAL: Final[dict[str, bool | str]] = {
    "envoy.reloadable_features.coalesce_lb_rebuilds_on_batch_update": False,
    "envoy.reloadable_features.fixed_heap_use_allocated": True,
    "envoy.reloadable_features.http_reject_path_with_fragment": False,
    # Of a regular expression's program: Envoy's own limit is 100, which refuses paths
    # that Istio takes.
    "re2.max_program_size.error_level": "32768",
}


def connections(config: ProxyDefaults) -> int:
    """Return how many connections of clients are taken: the field, then the rest.

    Raises:
        ValueError: If node metadata or runtime say something else than a number.

    """
    limits = config.connection_settings
    if limits and limits.global_downstream_connection_limit:
        return limits.global_downstream_connection_limit
    said = metadata(config).get(IN_METADATA) or config.runtime_values.get(IN_RUNTIME)
    if not said:
        return UNLIMITED
    if not said.isdecimal() or not 0 < int(said) <= UNLIMITED:
        raise ValueError(
            f"{IN_METADATA}: expected 1 to {UNLIMITED} connections, found {said!r}"
        )
    return int(said)


def overload(config: ProxyDefaults) -> JSON:
    """Return the overload manager that counts connections."""
    return {
        "resource_monitors": [
            {
                "name": CONNECTION_MONITOR,
                "typed_config": {
                    "@type": CONNECTION_MONITOR_TYPE,
                    "max_active_downstream_connections": connections(config),
                },
            }
        ]
    }


def runtime(config: ProxyDefaults) -> JSON:
    """Return Envoy's runtime: the usual values under those of ``config``.

    An empty value takes a usual one away. A truth value is written as such: Envoy
    takes no text for one.
    """
    truths: dict[str, bool | str] = {"true": True, "false": False}
    said = {key: truths.get(each, each) for key, each in config.runtime_values.items()}
    flags = {key: each for key, each in {**USUAL, **said}.items() if each != ""}
    return {
        "layers": [
            {"name": "global config", "static_layer": dict(flags)},
            {"name": "admin", "admin_layer": {}},
        ]
    }
