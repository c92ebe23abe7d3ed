"""A small configuration for a real Envoy: one TLS listener, one route, one cluster."""

from __future__ import annotations

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401 - by name
from envoy.extensions.filters.network.http_connection_manager.v3 import (  # noqa: F401
    http_connection_manager_pb2,
)
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2  # noqa: F401 - by name
from google.protobuf.json_format import ParseDict

PREFIX = "type.googleapis.com/envoy.extensions"
HCM = f"{PREFIX}.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = f"{PREFIX}.filters.http.router.v3.Router"
TLS = f"{PREFIX}.transport_sockets.tls.v3.DownstreamTlsContext"

SDS = {
    "api_config_source": {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": "sds-grpc"}}],
    },
    "resource_api_version": "V3",
    "initial_fetch_timeout": "0s",
}
ADS = {"ads": {}, "resource_api_version": "V3"}


def listener(port: int) -> Listener:
    """Return a listener that demands mTLS and takes its route from the ADS."""
    tls = {
        "@type": TLS,
        "require_client_certificate": True,
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [
                {"name": "default", "sds_config": SDS}
            ],
            "validation_context_sds_secret_config": {
                "name": "ROOTCA",
                "sds_config": SDS,
            },
        },
    }
    manager = {
        "@type": HCM,
        "stat_prefix": "in",
        "rds": {"route_config_name": "web", "config_source": ADS},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    chain = {
        "transport_socket": {"name": "tls", "typed_config": tls},
        "filters": [{"name": "hcm", "typed_config": manager}],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    body = {
        "name": "in",
        "address": address,
        "filter_chains": [chain],
        "traffic_direction": "INBOUND",
    }
    return ParseDict(body, Listener())


def route(text: str) -> RouteConfiguration:
    """Return a route that answers every request with ``text``."""
    answer = {"status": 200, "body": {"inline_string": text}}
    host = {
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
    }
    return ParseDict({"name": "web", "virtual_hosts": [host]}, RouteConfiguration())


def cluster(name: str) -> Cluster:
    """Return a cluster whose endpoints come from the ADS."""
    body = {
        "name": name,
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {"eds_config": ADS},
    }
    return ParseDict(body, Cluster())


def endpoints(name: str, port: int) -> ClusterLoadAssignment:
    """Return one endpoint of a cluster."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    body = {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }
    return ParseDict(body, ClusterLoadAssignment())
