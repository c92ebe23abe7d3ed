"""What a proxy holds, written down briefly, for the matcher to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.listener.http_inspector.v3 import (
    http_inspector_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.filters.listener.tls_inspector.v3 import (
    tls_inspector_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.filters.network.tcp_proxy.v3 import (
    tcp_proxy_pb2,  # noqa: F401 - known by name
)
from envoy.extensions.transport_sockets.tls.v3 import (
    tls_pb2,  # noqa: F401 - known by name
)
from google.protobuf.json_format import ParseDict
from udpa.type.v1 import typed_struct_pb2  # noqa: F401 - known by name

from meltemi.pilot.trace import Call, Http, Resources, resources

if TYPE_CHECKING:
    from meltemi.pilot.trace import Answer

ANYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it
TYPES = "type.googleapis.com/envoy.extensions"
HCM = f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP = f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy"
TLS = f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext"
INSPECTORS = {
    "tls_inspector": f"{TYPES}.filters.listener.tls_inspector.v3.TlsInspector",
    "http_inspector": f"{TYPES}.filters.listener.http_inspector.v3.HttpInspector",
}
CALL = Call("10.0.0.1", 80, http=Http("web", "/a"))


def tcp(cluster: str) -> dict[str, Any]:
    return {
        "name": "tcp",
        "typed_config": {"@type": TCP, "stat_prefix": "t", "cluster": cluster},
    }


def weighted(shares: dict[str, Any]) -> dict[str, Any]:
    return {"name": "tcp", "typed_config": {"@type": TCP, "weighted_clusters": shares}}


def http(**settings: Any) -> dict[str, Any]:
    return {"name": "http", "typed_config": {"@type": HCM, **settings}}


def tls(*, certificate: bool) -> dict[str, Any]:
    context = {"@type": TLS, "require_client_certificate": certificate}
    return {"name": "tls", "typed_config": context}


def inspector(name: str, **disabled: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "typed_config": {"@type": INSPECTORS[name]}}
    return made | ({"filter_disabled": disabled} if disabled else {})


def chain(name: str, *filters: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"name": name, "filters": list(filters), **settings}


def listener(
    name: str, address: str, port: int, *chains: dict[str, Any], **settings: Any
) -> Listener:
    bound = {"socket_address": {"address": address, "port_value": port}}
    body = {"name": name, "address": bound, "filter_chains": list(chains)}
    return ParseDict(body | settings, Listener())


def cluster(name: str, **settings: Any) -> Cluster:
    return ParseDict({"name": name} | settings, Cluster())


def table(*routes: dict[str, Any], **host: Any) -> dict[str, Any]:
    one = {"name": "web", "domains": ["web"], "routes": list(routes)}
    return {"name": "t", "virtual_hosts": [one | host]}


def to(name: str) -> dict[str, Any]:
    return {"name": "go", "match": {"prefix": "/"}, "route": {"cluster": name}}


def held(*listeners: Listener, clusters: tuple[str, ...] = ("a", "b")) -> Resources:
    return resources(listeners, [], [cluster(each) for each in clusters], [])


def web(routes: dict[str, Any], **settings: Any) -> Resources:
    one = chain("c", http(route_config=routes, **settings))
    return held(listener("l", "10.0.0.1", 80, one))


def ends(answer: Answer) -> list[str]:
    return [each.cluster for each in answer.targets]
