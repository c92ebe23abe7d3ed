"""Classes of proxies to translate grown meshes for, and what comes out.

``python -m meltemi.testkit.translation`` prints the versions for one mesh.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.index import index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.proxy import ProxyClass, proxy
from meltemi.pilot.scope.scope import scope
from meltemi.pilot.snapshot import Snapshot, snapshot
from meltemi.pilot.translate.resources import resources
from meltemi.testkit.mesh_grower import grow_mesh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

EXPLICIT: Final = {
    "inbound": "127.0.0.1:15006",
    "apps": {"80": "127.0.0.1:8080"},
    "http_proxy": "127.0.0.1:15080",
    "outbound": {"reviews.default.svc.cluster.local:80": "127.0.0.1:2000"},
}
CLASSES: Final[dict[str, ProxyClass]] = {
    "captured": proxy(
        "sidecar~10.1.0.1~a.default~default.svc.cluster.local",
        {"LABELS": {"app": "reviews", "version": "v1"}, "NAMESPACE": "default"},
    ).group,
    "explicit": proxy(
        "sidecar~10.1.0.2~b.prod~prod.svc.cluster.local",
        {
            "LABELS": {"app": "ratings", "version": "v2"},
            "NAMESPACE": "prod",
            "MELTEMI_EXPLICIT": EXPLICIT,
        },
    ).group,
    "gateway": proxy(
        "router~10.1.0.3~edge.istio-system~istio-system.svc.cluster.local",
        {
            "LABELS": {"app": "reviews", "version": "v1"},
            "NAMESPACE": "istio-system",
        },
    ).group,
}
"""One class for each way to translate."""
REVISION: Final = Revision(2)


def holding(objects: Iterable[Resource[Message]]) -> Mesh:
    """Return a mesh of ``objects``."""
    made = Mesh()
    for each in objects:
        made = made.put(each)
    return made.at(Epoch("cafe"), REVISION)


def translated(mesh: Mesh, group: ProxyClass) -> Snapshot:
    """Return what ``group`` is to hold of ``mesh``."""
    made = resources(scope(index(mesh, MeshConfig()), group))
    return snapshot(made, revision=REVISION)


def versions(mesh: Mesh, group: ProxyClass) -> Mapping[str, Mapping[str, str]]:
    """Return the hash of each resource of ``group``, by type and name, in order."""
    found = translated(mesh, group).versions
    return {kind.short: dict(sorted(named.items())) for kind, named in found.items()}


def main() -> None:
    """Print the versions of one mesh for every class."""
    mesh = holding(grow_mesh(Random(1), 12))  # noqa: S311 - the same each time
    for name, group in CLASSES.items():
        print(name, versions(mesh, group))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
