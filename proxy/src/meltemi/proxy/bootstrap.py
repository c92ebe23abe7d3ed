"""Envoy's bootstrap, from the agent's settings. No I/O.

Source:
    Istio's tools/packaging/common/envoy_bootstrap.json for what it means, and the
    Envoy 1.40 API (config/bootstrap/v3) for what is written here.

"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meltemi.proxy.boot.clusters import AGENT, OWN_STATS, local, pipe, told_clusters
from meltemi.proxy.boot.limits import overload, runtime
from meltemi.proxy.boot.listeners import stats_listeners
from meltemi.proxy.boot.settled import metadata
from meltemi.proxy.boot.stats import sinks, stats_config
from meltemi.proxy.boot.tracing import tracer
from meltemi.xds.modules import FETCHES

if TYPE_CHECKING:
    from meltemi.proxy.boot.plain import JSON
    from meltemi.proxy.settings import AgentSettings

ISTIO_VERSION = "1.32.0"
"""The release whose meaning we follow: EnvoyFilters match on it (proxyVersion)."""

CLUSTER_ID = "Kubernetes"
"""Istio's name for the only cluster there is; Pilot writes the same."""

EXPLICIT_KEY = "MELTEMI_EXPLICIT"
NETNS_KEY = "MELTEMI_APPLICATION_NETNS"
"""Node metadata of ours: the addresses to use where nothing captures traffic."""

USUAL_CLUSTER = "istio-proxy"
"""The serviceCluster that says nothing: Istio's default."""

SOL_SOCKET, SO_MARK = 1, 36
"""Of Linux (asm-generic/socket.h)."""


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
    config, admin = settings.proxy_config, settings.admin_address
    made: dict[str, JSON] = {
        "node": node_of(settings),
        "admin": {
            "address": {
                "socket_address": {"address": admin.host, "port_value": admin.port}
            },
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": _dynamic_resources(),
        "static_resources": _static_resources(settings),
        "stats_config": stats_config(
            settings.stats_inclusion,
            connections=settings.exit_on_zero_active_connections,
        ),
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "cluster_manager": _cluster_manager(settings.proxy_mark),
        "overload_manager": overload(config),
        "layered_runtime": runtime(config),
        "stats_sinks": sinks(config),
        "tracing": tracer(config, node_cluster(settings)),
    }
    if settings.stats_flush_seconds:
        made["stats_flush_interval"] = f"{settings.stats_flush_seconds:g}s"
    if settings.stats_eviction_seconds:
        made["stats_eviction_interval"] = f"{settings.stats_eviction_seconds}s"
    return {key: each for key, each in made.items() if each not in (None, [])}


def _static_resources(settings: AgentSettings) -> JSON:
    listeners = list(stats_listeners(settings.proxy_config))
    clusters = [
        pipe("xds-grpc", settings.xds_socket),
        pipe("sds-grpc", settings.sds_socket),
        *told_clusters(settings.proxy_config),
    ]
    if not listeners:
        return {"clusters": clusters}
    clusters += [
        local(OWN_STATS, settings.admin_address),
        local(AGENT, settings.status_address),
    ]
    return {"clusters": clusters, "listeners": listeners}


def node_cluster(settings: AgentSettings) -> str:
    """Return what kind of workload the node is: how spans and logs call it."""
    said = settings.proxy_config.service_cluster
    if said and said != USUAL_CLUSTER:
        return said
    app = settings.labels.get("app", settings.name)
    return f"{app}.{settings.namespace}"


def node_of(settings: AgentSettings) -> dict[str, JSON]:
    """Return the node message that Pilot knows the proxy by, as JSON."""
    labels: dict[str, JSON] = dict(settings.labels.items())
    asked = metadata(settings.proxy_config)
    told: dict[str, JSON] = {
        # First: what is known of the node here wins.
        **asked,
        "NAME": settings.name,
        "NAMESPACE": settings.namespace,
        "SERVICE_ACCOUNT": settings.service_account,
        "LABELS": labels,
        "INSTANCE_IPS": settings.instance_ip,
        "INTERCEPTION_MODE": settings.interception_mode,
        "CLUSTER_ID": CLUSTER_ID,
        "MESH_ID": settings.trust_domain,
        "ISTIO_VERSION": ISTIO_VERSION,
        FETCHES: "true",
    }
    explicit = settings.explicit.model_dump(mode="json", exclude_none=True)
    if settings.group:
        told["AUTO_REGISTER_GROUP"] = settings.group
    if settings.dns_addresses:
        told["DNS_CAPTURE"] = "true"
    if settings.application_netns:
        told[NETNS_KEY] = str(settings.application_netns)
    if explicit:
        told[EXPLICIT_KEY] = explicit
    return {
        "id": node_id(settings),
        "cluster": node_cluster(settings),
        "metadata": told,
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
