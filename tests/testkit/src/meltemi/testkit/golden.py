"""What a person's objects change in what proxies hold, as files a reviewer can read.

``tests/golden/base`` is a small mesh, and what each of a few proxies holds of it. A
case, ``tests/golden/KIND/NAME``, is objects laid over that mesh (``in.yaml``), and for
each proxy they touch the difference that they make (``PROXY.diff``).
"""

from __future__ import annotations

import difflib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from google.protobuf.json_format import MessageToJson

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit import mesh as written
from meltemi.xds.types import TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message as Protobuf

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.pilot.scope.proxy import ProxyClass
    from meltemi.pilot.snapshot import Snapshot, Stored

FOLDER: Final = Path(__file__).parents[4] / "golden"
BASE: Final = FOLDER / "base"
CASES: Final = tuple(sorted(file.parent for file in FOLDER.glob("*/*/in.yaml")))
MESSAGES: Final[Mapping[TypeUrl, tuple[str, type[Protobuf]]]] = {
    TypeUrl.CLUSTER: ("cluster", Cluster),
    TypeUrl.ENDPOINT: ("endpoints", ClusterLoadAssignment),
    TypeUrl.LISTENER: ("listener", Listener),
    TypeUrl.ROUTE: ("routes", RouteConfiguration),
    TypeUrl.EXTENSION: ("extension", TypedExtensionConfig),
}


@cache
def proxies() -> Mapping[str, ProxyClass]:
    """Return the classes of the proxies that every case is shown on, by name."""
    nodes = yaml.safe_load((BASE / "proxies.yaml").read_text())
    return {
        name: proxy(node["id"], node["metadata"]).group for name, node in nodes.items()
    }


@cache
def base() -> tuple[Resource[Message], ...]:
    """Return the objects that every case is laid over."""
    return written.resources((BASE / "in.yaml").read_text())


@cache
def held_at_base(name: str) -> Snapshot:
    """Return what the proxy ``name`` holds before a case says anything."""
    return held((), name)


def objects(case: Path) -> tuple[Resource[Message], ...]:
    """Return what a case lays over the base, younger than all of it."""
    text = (BASE / "in.yaml").read_text() + "\n---\n" + (case / "in.yaml").read_text()
    return written.resources(text)[len(base()) :]


def held(more: Iterable[Resource[Message]], name: str) -> Snapshot:
    """Return what the proxy ``name`` holds when ``more`` lies over the base."""
    mesh = Mesh()
    for each in (*base(), *more):
        mesh = mesh.put(each)
    revision = Revision(2)
    arranged = index(mesh.at(Epoch("cafe"), revision), MeshConfig())
    return snapshot(resources(scope(arranged, proxies()[name])), revision=revision)


def difference(before: Snapshot, after: Snapshot) -> str:
    """Return what is gone (-) and what is new (+), resource by resource."""
    lines: list[str] = []
    for kind, (word, _) in MESSAGES.items():
        olds, news = before.resources[kind], after.resources[kind]
        for name in sorted(olds.keys() | news.keys()):
            old, new = olds.get(name), news.get(name)
            if (old and old.version) != (new and new.version):
                change = difflib.unified_diff(_lines(kind, old), _lines(kind, new))
                lines += [f"=== {word} {name}\n", *[*change][2:]]
    return "".join(lines)


def spelled(made: Snapshot) -> str:
    """Return all resources as YAML."""
    return "".join(
        "".join([f"=== {word} {name}\n", *_lines(kind, stored)])
        for kind, (word, _) in MESSAGES.items()
        for name, stored in sorted(made.resources[kind].items())
    )


def _lines(kind: TypeUrl, stored: Stored | None) -> list[str]:
    if stored is None:
        return []
    message = MESSAGES[kind][1].FromString(stored.body)
    plain = json.loads(MessageToJson(message))
    return yaml.safe_dump(plain).splitlines(keepends=True)
