"""A mesh, as files or a Galley hold it, and where each object stands."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec import structs

from meltemi.config.decode import objects_in, resource_at
from meltemi.config.finding import Finding, InvalidConfigError, Source, steps
from meltemi.config.node import nearest_node, plain_value
from meltemi.config.report import Report
from meltemi.kernel.names import Epoch, Key, Namespace, Revision
from meltemi.pilot.model import kubernetes
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from meltemi.config.node import Node
    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.pilot.ir import Origin
    from meltemi.pilot.scope.proxy import Proxy


YOUNGEST = "9999-12-31T23:59:59.999999Z"
"""When an object is created that is not there yet: conflicts go to the oldest."""


CLUSTER = "Kubernetes"
"""What Istio calls the only cluster it knows."""
KUBERNETES = frozenset(
    (("v1", "Service"), ("v1", "Pod"), ("discovery.k8s.io/v1", "EndpointSlice"))
)


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
    cluster: tuple[dict[str, object], ...] = ()
    """Documents of Kubernetes."""

    def source(self, origin: Origin) -> Source | None:
        """Return the line that ``origin`` stands on, if it stands in a file."""
        key = Key(origin.kind, Namespace(origin.namespace), origin.name)
        place = self.places.get(key)
        return place.of(origin.path) if place else None


def written(texts: Iterable[tuple[str, bytes]], *, namespace: str) -> World:
    """Return the mesh that ``texts`` (name, content) spell.

    Services, EndpointSlices and Pods of Kubernetes, as ``kubectl get -o yaml`` prints
    them one by one, count as services and workloads.

    Raises:
        InvalidConfigError: With the problems of all texts.

    """
    mesh, places = Mesh(), dict[Key, Place]()
    problems: list[Finding] = []
    cluster: list[dict[str, object]] = []
    for file, data in texts:
        report = Report(file)
        for node in objects_in(data, report):
            document = _of_kubernetes(plain_value(node), namespace)
            if document:
                key, body = document
                places[key] = Place(file, report.document, node)
                cluster.append(body)
                continue
            found = resource_at(node, namespace, report)
            if found is not None:
                mesh = mesh.put(found)
                places[found.key] = Place(file, report.document, node)
        problems += report.findings
    if problems:
        raise InvalidConfigError(problems)
    documents = tuple(cluster)
    return World(_arranged(mesh, documents), mesh, places, cluster=documents)


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
    return replace(world, index=_arranged(mesh, world.cluster), mesh=mesh)


def _ages(mesh: Mesh) -> dict[Key, str]:
    """Return when each object was created; empty where nobody says, as in files."""
    return {
        each.key: each.metadata.creation_timestamp
        for bucket in mesh.kinds.values()
        for each in bucket.values()
    }


def _of_kubernetes(
    value: object, namespace: str
) -> tuple[Key, dict[str, object]] | None:
    """Return a document of Kubernetes, in a namespace, and its key; None for others."""
    if not isinstance(value, dict):
        return None
    kind, metadata = value.get("kind"), value.get("metadata")
    if (value.get("apiVersion"), kind) not in KUBERNETES:
        return None
    named = metadata if isinstance(metadata, dict) else {}
    home = str(named.get("namespace") or namespace)
    key = Key(str(kind), Namespace(home), str(named.get("name", "")))
    return key, {**value, "metadata": {**named, "namespace": home}}


def _arranged(mesh: Mesh, cluster: Sequence[dict[str, object]] = ()) -> Index:
    config = MeshConfig()
    found = kubernetes.services(
        cluster,
        cluster=CLUSTER,
        domain_suffix=config.domain_suffix,
        trust_domain=config.trust_domain,
    )
    more = kubernetes.with_aliases(tuple(found))
    return index(mesh.at(Epoch("offline"), Revision(1)), config, more)
