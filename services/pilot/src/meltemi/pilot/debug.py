"""What Istio's debug pages tell, under their names: who holds what. No I/O.

Source:
    istio pilot/pkg/xds/debug.go for the names and the fields of a row, where a
    revision stands for a nonce; Envoy's page ``/config_dump`` for a dump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from google.protobuf.json_format import MessageToDict

from meltemi.config.canonical import stored
from meltemi.pilot.patched_hosts import whole_tables
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from meltemi.pilot.connections import Connection
    from meltemi.pilot.model.mesh import Mesh
    from meltemi.pilot.snapshot import Snapshot

JSON = dict[str, Any]

SYNCED: Final = {
    TypeUrl.CLUSTER: "cluster",
    TypeUrl.LISTENER: "listener",
    TypeUrl.ROUTE: "route",
    TypeUrl.VIRTUAL_HOST: "virtualhost",
    TypeUrl.ENDPOINT: "endpoint",
    TypeUrl.EXTENSION: "extensionconfig",
}
DUMP: Final = "type.googleapis.com/envoy.admin.v3."


def syncz(connection: Connection) -> JSON:
    """Return how far each type of one proxy has come."""
    proxy, session = connection.proxy, connection.session
    node = proxy.group.node
    row: JSON = {
        "cluster_id": node.cluster,
        "proxy": proxy.name,
        "proxy_type": str(proxy.group.role),
        "istio_version": node.istio_version,
    }
    for kind, word in SYNCED.items():
        progress = session.progress.get(kind)
        row[f"{word}_sent"] = _revision(progress.sent if progress else 0)
        row[f"{word}_acked"] = _revision(progress.acked if progress else 0)
    return row


def adsz(connection: Connection) -> JSON:
    """Return what one proxy asks for; of what it wants all of, no names."""
    watches = connection.session.watches
    return {
        "connectionId": connection.proxy.name,
        "nodeId": connection.proxy.node_id,
        "connectedAt": connection.connected_at,
        "labels": dict(connection.proxy.group.labels),
        "watches": {
            str(kind): sorted(each.names or ()) for kind, each in watches.items()
        },
    }


def configz(mesh: Mesh) -> bytes:
    """Return every object of the mesh, as it is stored, as a list in JSON."""
    every = (
        stored(each)
        for kind in sorted(mesh.kinds)
        for each in mesh.kinds[kind].values()
    )
    return b"[" + b",".join(every) + b"]"


def endpointz(snapshot: Snapshot) -> list[JSON]:
    """Return the endpoints that one proxy is to hold, by cluster."""
    found = snapshot.resources[TypeUrl.ENDPOINT]
    return [_as_json(ClusterLoadAssignment.FromString(e.body)) for e in found.values()]


def config_dump(snapshot: Snapshot) -> JSON:
    """Return what one proxy is to hold, as Envoy would show it. No secrets are in it.

    A table is whole, however its virtual hosts travel.
    """
    routes = snapshot.versions[TypeUrl.ROUTE]
    clusters = _each(snapshot, TypeUrl.CLUSTER, Cluster)
    listeners = _each(snapshot, TypeUrl.LISTENER, Listener)
    endpoints = _each(snapshot, TypeUrl.ENDPOINT, ClusterLoadAssignment)
    filters = _each(snapshot, TypeUrl.EXTENSION, TypedExtensionConfig)
    tables = ((name, routes[name], each) for _, name, each, _ in whole_tables(snapshot))
    return {
        "configs": [
            _dump("ClustersConfigDump", "dynamic_active_clusters", "cluster", clusters),
            {
                "@type": f"{DUMP}ListenersConfigDump",
                "dynamic_listeners": [
                    {"name": name, "active_state": _one("listener", version, each)}
                    for name, version, each in listeners
                ],
            },
            _dump("RoutesConfigDump", "dynamic_route_configs", "route_config", tables),
            _dump(
                "EndpointsConfigDump",
                "dynamic_endpoint_configs",
                "endpoint_config",
                endpoints,
            ),
            _dump("EcdsConfigDump", "ecds_filters", "ecds_filter", filters),
        ]
    }


Versioned = tuple[str, str, "Message"]
"""Name, version and message of a resource."""


def _each(
    snapshot: Snapshot, kind: TypeUrl, message: type[Message]
) -> Iterator[Versioned]:
    for name, each in sorted(snapshot.resources[kind].items()):
        yield name, each.version, message.FromString(each.body)


def _dump(name: str, many: str, one: str, every: Iterator[Versioned]) -> JSON:
    found = [_one(one, version, each) for _, version, each in every]
    return {"@type": DUMP + name, many: found}


def _one(word: str, version: str, message: Message) -> JSON:
    kind = f"type.googleapis.com/{message.DESCRIPTOR.full_name}"
    return {"version_info": version, word: {"@type": kind, **_as_json(message)}}


def _as_json(message: Message) -> JSON:
    """Return ``message`` as JSON; one with parts that nobody here can read, as bytes.

    A person's EnvoyFilter may have any message of Envoy's in it.
    """
    try:
        return MessageToDict(message, preserving_proto_field_name=True)
    except TypeError as error:
        return {"unreadable": str(error), "bytes": message.SerializeToString().hex()}


def _revision(number: int) -> str:
    return str(number) if number else ""
