"""Who holds what, in Envoy's messages for it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envoy.admin.v3.config_dump_shared_pb2 import (
    ClustersConfigDump,
    EndpointsConfigDump,
    ListenersConfigDump,
    RoutesConfigDump,
)
from envoy.service.status.v3.csds_pb2 import ClientConfig, ConfigStatus
from google.protobuf.any_pb2 import Any

from meltemi.pilot.patched_hosts import whole_tables
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from meltemi.pilot.connections import Connection
    from meltemi.pilot.snapshot import Snapshot


def client_config(connection: Connection) -> ClientConfig:
    """Return how each type of one proxy stands.

    Nothing is told of a type that the proxy does not ask for.
    """
    result, session = ClientConfig(), connection.session
    result.node.id = connection.proxy.node_id
    result.node.metadata.update({"CLUSTER_ID": connection.proxy.group.node.cluster})
    for kind, progress in session.progress.items():
        status = ConfigStatus.SYNCED
        if session.watches[kind].refused:
            status = ConfigStatus.ERROR
        elif not progress.sent:
            status = ConfigStatus.NOT_SENT
        elif progress.acked < progress.sent:
            status = ConfigStatus.STALE
        result.generic_xds_configs.add(type_url=kind, config_status=status)
    return result


def config_dumps(snapshot: Snapshot) -> Iterator[Message]:
    """Yield what one proxy is to hold, as Envoy shows it. No secrets are in it.

    A table is whole, however its virtual hosts travel.
    """
    clusters = ClustersConfigDump()
    for version, body in _each(snapshot, TypeUrl.CLUSTER):
        clusters.dynamic_active_clusters.add(version_info=version, cluster=body)
    yield clusters
    listeners = ListenersConfigDump()
    for name, each in sorted(snapshot.resources[TypeUrl.LISTENER].items()):
        shown = listeners.dynamic_listeners.add(name=name).active_state
        shown.version_info = each.version
        shown.listener.CopyFrom(_as_any(TypeUrl.LISTENER, each.body))
    yield listeners
    routes, versions = RoutesConfigDump(), snapshot.versions[TypeUrl.ROUTE]
    for kind, name, table, _ in whole_tables(snapshot):
        body = _as_any(kind, table.SerializeToString())
        version = versions[name]
        routes.dynamic_route_configs.add(version_info=version, route_config=body)
    yield routes
    endpoints = EndpointsConfigDump()
    for version, body in _each(snapshot, TypeUrl.ENDPOINT):
        endpoints.dynamic_endpoint_configs.add(
            version_info=version, endpoint_config=body
        )
    yield endpoints


def _each(snapshot: Snapshot, kind: TypeUrl) -> Iterator[tuple[str, Any]]:
    for _, each in sorted(snapshot.resources[kind].items()):
        yield each.version, _as_any(kind, each.body)


def _as_any(kind: TypeUrl, body: bytes) -> Any:
    return Any(type_url=kind, value=body)
