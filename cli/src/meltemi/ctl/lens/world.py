"""A mesh, as files or a Galley hold it, and where each object stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec import structs

from meltemi.config.decode import objects_in, resource_at
from meltemi.config.finding import Finding, InvalidConfigError, Source, steps
from meltemi.config.node import nearest_node
from meltemi.config.report import Report
from meltemi.kernel.names import Epoch, Key, Namespace, Revision
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meltemi.config.node import Node
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.pilot.ir import Origin
    from meltemi.pilot.scope.proxy import Proxy


YOUNGEST = "9999-12-31T23:59:59.999999Z"
"""When an object is created that is not there yet: conflicts go to the oldest."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one object stands."""

    file: str
    document: int
    root: Node

    def of(self, path: str) -> Source:
        """Return where the field ``path`` stands, or what is nearest to it."""
        node = nearest_node(self.root, steps(path))
        return Source(self.file, self.document, node.line, node.column)


@dataclass(frozen=True, slots=True)
class World:
    """A mesh, arranged, the place of each object in files, and the proxies known.

    Of workloads without one of ``nodes`` (by ``NAME.NAMESPACE``) the proxy is made up.
    """

    index: Index
    mesh: Mesh
    places: Mapping[Key, Place] = field(default_factory=dict[Key, Place])
    nodes: Mapping[str, Proxy] = field(default_factory=dict[str, "Proxy"])

    def source(self, origin: Origin) -> Source | None:
        """Return the line that ``origin`` stands on, if it stands in a file."""
        key = Key(origin.kind, Namespace(origin.namespace), origin.name)
        place = self.places.get(key)
        return place.of(origin.path) if place else None


def written(texts: Iterable[tuple[str, bytes]], *, namespace: str) -> World:
    """Return the mesh that ``texts`` (name, content) spell.

    Raises:
        InvalidConfigError: With the problems of all texts.

    """
    mesh, places = Mesh(), dict[Key, Place]()
    problems: list[Finding] = []
    for file, data in texts:
        report = Report(file)
        for node in objects_in(data, report):
            found = resource_at(node, namespace, report)
            if found is not None:
                mesh = mesh.put(found)
                places[found.key] = Place(file, report.document, node)
        problems += report.findings
    if problems:
        raise InvalidConfigError(problems)
    return World(_arranged(mesh), mesh, places)


def stored(resources: Iterable[Resource[Message]], nodes: Mapping[str, Proxy]) -> World:
    """Return the mesh of ``resources`` and the proxies in it."""
    mesh = Mesh()
    for each in resources:
        mesh = mesh.put(each)
    return World(_arranged(mesh), mesh, nodes=nodes)


def changed_by(world: World, resources: Iterable[Resource[Message]]) -> World:
    """Return ``world`` once ``resources`` are written: what is new is the youngest."""
    mesh, ages = world.mesh, _ages(world.mesh)
    youngest = YOUNGEST if any(ages.values()) else ""
    for each in resources:
        born = ages.get(each.key, youngest)
        metadata = structs.replace(each.metadata, creation_timestamp=born)
        mesh = mesh.put(structs.replace(each, metadata=metadata))
    return replace(world, index=_arranged(mesh), mesh=mesh)


def _ages(mesh: Mesh) -> dict[Key, str]:
    """Return when each object was created; empty where nobody says, as in files."""
    return {
        each.key: each.metadata.creation_timestamp
        for bucket in mesh.kinds.values()
        for each in bucket.values()
    }


def _arranged(mesh: Mesh) -> Index:
    return index(mesh.at(Epoch("offline"), Revision(1)), MeshConfig())
