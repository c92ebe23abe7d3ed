"""What a class of proxies is sent, as files a reviewer can read.

A case is a folder: ``in.yaml`` is the mesh, ``node.yaml`` the proxy, and
``clusters``, ``endpoints``, ``listeners`` and ``routes.yaml`` are what comes out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import MessageToJson

from meltemi.config.schema.mesh_config import MeshConfig as MeshDocument
from meltemi.kernel.names import Revision
from meltemi.pilot.model.mesh_config import MeshConfig, over_defaults
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import Snapshot, snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.bootstrap import refused_by_envoy
from meltemi.testkit.mesh import indexed
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from google.protobuf.message import Message

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/in.yaml"))
FILES: dict[TypeUrl, tuple[str, type[Message]]] = {
    TypeUrl.CLUSTER: ("clusters", Cluster),
    TypeUrl.ENDPOINT: ("endpoints", ClusterLoadAssignment),
    TypeUrl.LISTENER: ("listeners", Listener),
    TypeUrl.ROUTE: ("routes", RouteConfiguration),
}


def emitted(case: Path) -> Snapshot:
    node = yaml.safe_load((case / "node.yaml").read_text())
    group = proxy(node["id"], node["metadata"]).group
    told = MeshDocument(access_log_file=node.get("log", ""))
    config = MeshConfig(over_defaults(told))
    mesh = indexed((case / "in.yaml").read_text(), config)
    made = resources(scope(mesh, group))
    return snapshot(made, revision=Revision(2))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.short)
def test_what_is_emitted_is_what_was_reviewed(
    case: Path, kind: TypeUrl, *, rewriting: bool
) -> None:
    name, message = FILES[kind]
    found = {
        each: json.loads(MessageToJson(message.FromString(stored.body)))
        for each, stored in emitted(case).resources[kind].items()
    }
    file = case / f"{name}.yaml"
    if rewriting:
        file.write_text(yaml.safe_dump(found))
    assert yaml.safe_load(file.read_text()) == found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_envoy_accepts_what_is_emitted(case: Path, tmp_path: Path) -> None:
    assert not refused_by_envoy(emitted(case), tmp_path, deprecated=True)
