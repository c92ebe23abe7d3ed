"""Where an Envoy serves its own statistics to scrapers far away. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meltemi.config.heard import SECURE_MERGED_STATS, SECURE_STATS, STATS
from meltemi.proxy.boot.clusters import AGENT, OWN_STATS
from meltemi.proxy.boot.secrets import downstream_socket
from meltemi.proxy.boot.settled import port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meltemi.config.schema.proxy_defaults import ProxyDefaults
    from meltemi.proxy.boot.plain import JSON

EXTENSIONS: Final = "type.googleapis.com/envoy.extensions."
HTTP: Final = "filters.network.http_connection_manager.v3.HttpConnectionManager"
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - a scraper is on another machine
OWN_PATH: Final = "/stats/prometheus"
TEXTS: Final = (
    "text/plain",
    "application/vnd.google.protobuf",
    "application/openmetrics-text",
    "application/openmetrics-protobuf",
)


def stats_listeners(config: ProxyDefaults) -> Iterator[JSON]:
    """Yield a listener for each port of statistics that ``config`` names.

    Raises:
        ValueError: If a port is none.

    """
    number = port(config, STATS)
    if number:
        packed = config.stats_compression is not False
        yield _listener(number, _chain("stats", {OWN_PATH: OWN_STATS}, packed=packed))
    number = port(config, SECURE_STATS)
    if number:
        yield _secured(number, "secure_stats", {OWN_PATH: OWN_STATS})
    number = port(config, SECURE_MERGED_STATS)
    if number:
        routes = {OWN_PATH: AGENT, "/metrics": AGENT}
        yield _secured(number, "secure_merged_stats", routes)


def _listener(number: int, chain: JSON) -> dict[str, JSON]:
    socket: JSON = {"address": EVERYWHERE, "port_value": number}
    return {
        "name": f"{EVERYWHERE}_{number}",
        "address": {"socket_address": socket},
        # Who looks after a proxy must see one that is overloaded.
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
        "filter_chains": [chain],
    }


def _secured(number: int, prefix: str, routes: dict[str, str]) -> JSON:
    chain: JSON = {
        **_chain(prefix, routes, packed=False),
        "filter_chain_match": {"transport_protocol": "tls"},
        "transport_socket": downstream_socket(),
    }
    inspector: JSON = {
        "name": "envoy.filters.listener.tls_inspector",
        "typed_config": {
            "@type": f"{EXTENSIONS}filters.listener.tls_inspector.v3.TlsInspector"
        },
    }
    return {**_listener(number, chain), "listener_filters": [inspector]}


def _chain(prefix: str, routes: dict[str, str], *, packed: bool) -> dict[str, JSON]:
    kinds = ("brotli", "zstd", "gzip") if packed else ()
    router: JSON = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{EXTENSIONS}filters.http.router.v3.Router"},
    }
    table: list[JSON] = [
        {"match": {"prefix": path}, "route": {"cluster": cluster}}
        for path, cluster in routes.items()
    ]
    host: JSON = {"name": "backend", "domains": ["*"], "routes": table}
    return {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": f"{EXTENSIONS}{HTTP}",
                    "codec_type": "AUTO",
                    "stat_prefix": prefix,
                    "route_config": {"virtual_hosts": [host]},
                    "http_filters": [*(_compressor(each) for each in kinds), router],
                },
            }
        ]
    }


def _compressor(kind: str) -> JSON:
    library = f"{EXTENSIONS}compression.{kind}.compressor.v3.{kind.capitalize()}"
    return {
        "name": f"envoy.filters.http.compressor.{kind}",
        "typed_config": {
            "@type": f"{EXTENSIONS}filters.http.compressor.v3.Compressor",
            "compressor_library": {
                "name": f"stats_{kind}",
                "typed_config": {"@type": library},
            },
            "response_direction_config": {
                "common_config": {"content_type": list(TEXTS)}
            },
        },
    }
