"""A mesh as files hold it, and where in them each object stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    from meltemi.pilot.ir import Origin


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
    """A mesh, arranged, and the place of each object of it."""

    index: Index
    places: Mapping[Key, Place] = field(default_factory=dict[Key, Place])

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
    return World(_arranged(mesh, cluster), places)


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


def _arranged(mesh: Mesh, cluster: Sequence[dict[str, object]]) -> Index:
    config = MeshConfig()
    found = kubernetes.services(
        cluster,
        cluster=CLUSTER,
        domain_suffix=config.domain_suffix,
        trust_domain=config.trust_domain,
    )
    more = kubernetes.with_aliases(tuple(found))
    return index(mesh.at(Epoch("offline"), Revision(1)), config, more)
