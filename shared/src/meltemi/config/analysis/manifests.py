"""Documents of a cluster or a mesh, as one world to analyze.

Istio's users keep Services and Deployments beside their Istio objects; what the
analyzers look at of them is read, everything else passes by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from meltemi.config.analysis.kubernetes import (
    KubeDeployment,
    KubeMetadata,
    KubeNamed,
    KubeService,
    KubeWorkload,
)
from meltemi.config.analysis.world import World
from meltemi.config.envelope import read_quickly
from meltemi.config.schema.mesh_config import MeshConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

    Document = Mapping[str, object]

T = TypeVar("T", bound=msgspec.Struct)

GATEWAY_API: Final = "gateway.networking.k8s.io/"


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """What a Gateway API Gateway listens for."""

    hostname: str = "*"


class GatewaySpec(msgspec.Struct, frozen=True, kw_only=True):
    """A Gateway API Gateway's specification."""

    listeners: tuple[Listener, ...] = ()


def world(
    documents: Iterable[object],
    *,
    default_namespace: str = "",
    mesh: MeshConfig | None = None,
) -> World:
    """Return the world that ``documents`` describe.

    Args:
        documents: Parsed YAML; a ``List`` stands for its items. Objects the door
            refuses are left out: `decode` says what is wrong with them.
        default_namespace: Where Istio's objects belong that do not say.
        mesh: The mesh-wide settings; None: those among the documents, if any are.

    """
    shown = [each for document in documents for each in _items(document)]
    objects = tuple(_objects(shown, default_namespace))
    return World(
        objects=tuple(each for each, _ in objects),
        allocated=frozenset(each.key for each, given in objects if given),
        services=tuple(_of(shown, "Service", KubeService)),
        pods=tuple(_of(shown, "Pod", KubeWorkload)),
        deployments=tuple(_of(shown, "Deployment", KubeDeployment)),
        namespaces=tuple(_of(shown, "Namespace", KubeNamed)),
        secrets=tuple(_of(shown, "Secret", KubeNamed)),
        mesh=mesh or _mesh(each for each, _ in objects),
        kubernetes_gateways=dict(_gateways(shown)),
    )


def _mesh(objects: Iterable[Resource[Message]]) -> MeshConfig | None:
    specs = (each.spec for each in objects)
    return next((each for each in specs if isinstance(each, MeshConfig)), None)


def _items(document: object) -> Iterator[Document]:
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if document.get("kind") == "List" and isinstance(items, list):
        yield from (each for each in items if isinstance(each, dict))
    else:
        yield document


def _objects(
    documents: list[Document], namespace: str
) -> Iterator[tuple[Resource[Message], bool]]:
    """Yield the objects of the mesh, and whether their status lists addresses."""
    for document in documents:
        written = read_quickly(document)
        if written is not None:
            status = document.get("status")
            given = isinstance(status, dict) and bool(status.get("addresses"))
            yield written.resource(namespace), given


def _of(documents: list[Document], kind: str, struct: type[T]) -> Iterator[T]:
    """Yield what can be read of the Kubernetes objects of ``kind``."""
    for document in documents:
        version = str(document.get("apiVersion"))
        if document.get("kind") != kind or version not in ("v1", "apps/v1"):
            continue
        try:
            yield msgspec.convert(document, struct)
        except msgspec.ValidationError:
            continue  # the cluster's own business


def _gateways(documents: list[Document]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for document in documents:
        version = str(document.get("apiVersion"))
        if document.get("kind") != "Gateway" or not version.startswith(GATEWAY_API):
            continue
        try:
            metadata = msgspec.convert(document.get("metadata"), KubeMetadata)
            spec = msgspec.convert(document.get("spec"), GatewaySpec)
        except msgspec.ValidationError:
            continue
        hosts = tuple(each.hostname for each in spec.listeners)
        yield f"{metadata.namespace}/{metadata.name}", hosts
