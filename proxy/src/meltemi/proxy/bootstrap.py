"""Envoy's bootstrap, from the agent's settings. No I/O.

Source:
    Istio's tools/packaging/common/envoy_bootstrap.json for what it means, and the
    Envoy 1.40 API (config/bootstrap/v3) for what is written here.

"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from meltemi.proxy.settings import AgentSettings
    from meltemi.proxy.stats_inclusion import StatsInclusion

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None

ISTIO_VERSION = "1.32.0"
"""The release whose meaning we follow: EnvoyFilters match on it (proxyVersion)."""

CLUSTER_ID = "Kubernetes"
"""Istio's name for the only cluster there is; Pilot writes the same."""

EXPLICIT_KEY = "MELTEMI_EXPLICIT"
"""Node metadata of ours: the addresses to use where nothing captures traffic."""

STATS_PREFIXES = (
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "cluster.sds-grpc",
    "wasm",
    "reporter=",
    "component",
    "istio",
)
STATS_SUFFIXES = (
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
    "downstream_cx_active",
)
STATS_PATTERN = r"vhost\..*\.route\..*"

UNLIMITED = 2_147_483_647
CONNECTION_MONITOR = "envoy.resource_monitors.global_downstream_max_connections"
CONNECTION_MONITOR_TYPE = (
    "type.googleapis.com/envoy.extensions.resource_monitors."
    "downstream_connections.v3.DownstreamConnectionsConfig"
)
SOL_SOCKET, SO_MARK = 1, 36
"""Of Linux (asm-generic/socket.h)."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def node_id(settings: AgentSettings) -> str:
    """Return the node's id as Istio spells it: ``type~ip~name.ns~domain``."""
    where = settings.namespace
    return "~".join(
        [
            settings.proxy_type,
            settings.instance_ip,
            f"{settings.name}.{where}",
            f"{where}.svc.{settings.trust_domain}",
        ]
    )


def bootstrap(settings: AgentSettings) -> str:
    """Return the bootstrap as JSON text, the same for equal settings."""
    return json.dumps(_bootstrap(settings), indent=1, sort_keys=True) + "\n"


def _bootstrap(settings: AgentSettings) -> dict[str, JSON]:
    admin = settings.admin_address
    return {
        "node": node_of(settings),
        "admin": {
            "address": {
                "socket_address": {"address": admin.host, "port_value": admin.port}
            },
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": _dynamic_resources(),
        "static_resources": {
            "clusters": [
                _pipe("xds-grpc", settings.xds_socket),
                _pipe("sds-grpc", settings.sds_socket),
            ]
        },
        "stats_config": _stats(settings.stats_inclusion),
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "cluster_manager": _cluster_manager(settings.proxy_mark),
        "overload_manager": _overload(),
        "layered_runtime": _runtime(),
    }


def node_of(settings: AgentSettings) -> dict[str, JSON]:
    """Return the node message that Pilot knows the proxy by, as JSON."""
    app = settings.labels.get("app", settings.name)
    labels: dict[str, JSON] = dict(settings.labels.items())
    metadata: dict[str, JSON] = {
        "NAME": settings.name,
        "NAMESPACE": settings.namespace,
        "SERVICE_ACCOUNT": settings.service_account,
        "LABELS": labels,
        "INSTANCE_IPS": settings.instance_ip,
        "INTERCEPTION_MODE": settings.interception_mode,
        "CLUSTER_ID": CLUSTER_ID,
        "MESH_ID": settings.trust_domain,
        "ISTIO_VERSION": ISTIO_VERSION,
    }
    explicit = settings.explicit.model_dump(mode="json", exclude_none=True)
    if settings.group:
        metadata["AUTO_REGISTER_GROUP"] = settings.group
    if settings.dns_addresses:
        metadata["DNS_CAPTURE"] = "true"
    if explicit:
        metadata[EXPLICIT_KEY] = explicit
    return {
        "id": node_id(settings),
        "cluster": f"{app}.{settings.namespace}",
        "metadata": metadata,
    }


def _cluster_manager(mark: int | None) -> JSON:
    deferred: dict[str, JSON] = {"enable_deferred_cluster_creation": True}
    if mark is None:
        return deferred
    option: JSON = {
        "description": "SO_MARK: not to be captured again",
        "level": SOL_SOCKET,
        "name": SO_MARK,
        "int_value": mark,
        "state": "STATE_PREBIND",
    }
    return {**deferred, "upstream_bind_config": {"socket_options": [option]}}


def _dynamic_resources() -> JSON:
    # 0s: wait for the first answer for ever, as Istio does. A proxy that started
    # without its listeners would refuse traffic instead of being seen as not ready.
    subscription: JSON = {
        "ads": {},
        "initial_fetch_timeout": "0s",
        "resource_api_version": "V3",
    }
    return {
        "lds_config": subscription,
        "cds_config": subscription,
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [
                {
                    "envoy_grpc": {
                        "cluster_name": "xds-grpc",
                        "retry_policy": {
                            "retry_back_off": {
                                "base_interval": "0.2s",
                                "max_interval": "2s",
                            }
                        },
                    }
                }
            ],
        },
    }


def _pipe(name: str, path: Path) -> JSON:
    endpoint: JSON = {"endpoint": {"address": {"pipe": {"path": str(path)}}}}
    limit: JSON = {
        "priority": "DEFAULT",
        "max_connections": 100_000,
        "max_pending_requests": 100_000,
        "max_requests": 100_000,
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
        "typed_extension_protocol_options": {
            HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{HTTP_OPTIONS}",
                "explicit_http_config": {
                    # Compressing headers on a local socket costs and saves nothing.
                    "http2_protocol_options": {"enable_huffman_encoding": False}
                },
            }
        },
    }


def _stats(more: StatsInclusion) -> JSON:
    regexps = (STATS_PATTERN, *more.regexps)
    patterns: list[JSON] = [{"safe_regex": {"regex": each}} for each in regexps]
    patterns += [{"prefix": each} for each in (*STATS_PREFIXES, *more.prefixes)]
    patterns += [{"suffix": each} for each in (*STATS_SUFFIXES, *more.suffixes)]
    return {
        "use_all_default_tags": True,
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    }


def _overload() -> JSON:
    return {
        "resource_monitors": [
            {
                "name": CONNECTION_MONITOR,
                "typed_config": {
                    "@type": CONNECTION_MONITOR_TYPE,
                    "max_active_downstream_connections": UNLIMITED,
                },
            }
        ]
    }


def _runtime() -> JSON:
    fixed: JSON = {
        "envoy.reloadable_features.http_reject_path_with_fragment": False,
    }
    return {"layers": [{"name": "fixed", "static_layer": fixed}]}
