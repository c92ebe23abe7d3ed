"""Meshes for tests, written as people write them."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import msgspec

from meltemi.config.decode import decode
from meltemi.kernel.names import Epoch, Revision
from meltemi.pilot.model.index import Index, index
from meltemi.pilot.model.mesh import Mesh
from meltemi.pilot.model.mesh_config import MeshConfig
from meltemi.pilot.scope.proxy import proxy
from meltemi.pilot.scope.scope import Scope, scope
from meltemi.xds.modules import FETCHES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

FIRST = Revision(2)


def resources(text: str) -> tuple[Resource[Message], ...]:
    """Return the objects of ``text``, each a second younger than the one before."""
    if not text.strip():
        return ()
    found = decode(dedent(text).encode(), file="test.yaml", default_namespace="default")
    return tuple(
        aged(each, f"2026-01-01T00:{age // 60:02}:{age % 60:02}Z")
        for age, each in enumerate(found)
    )


def aged(
    resource: Resource[Message], created: str = "2026-01-01T00:00:00Z"
) -> Resource[Message]:
    """Return ``resource`` as it was created at another time: all edits keep that."""
    metadata = msgspec.structs.replace(resource.metadata, creation_timestamp=created)
    return msgspec.structs.replace(resource, metadata=metadata)


def mesh(text: str) -> Mesh:
    """Return a mesh that holds the objects of ``text``."""
    made = Mesh()
    for each in resources(text):
        made = made.put(each)
    return made.at(Epoch("cafe"), FIRST)


def entry(host: str, *ports: str) -> str:
    """Return a ServiceEntry in ``default`` for ``host``; a port is ``NUMBER PROTOCOL``.

    The first part of the host is its name.
    """
    written = ", ".join(
        f"{{number: {number}, name: p{number}, protocol: {protocol}}}"
        for number, protocol in (port.split() for port in ports)
    )
    return f"""
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {{name: {host.partition(".")[0]}}}
    spec: {{hosts: [{host}], resolution: DNS, ports: [{written}]}}
    """


def indexed(text: str, config: MeshConfig | None = None) -> Index:
    """Return the mesh of ``text``, arranged."""
    return index(mesh(text), config or MeshConfig())


def sidecar_scope(
    text: str,
    *,
    labels: Mapping[str, str] | None = None,
    explicit: Mapping[str, object] | None = None,
    namespace: str = "default",
    fetches: bool = True,
) -> Scope:
    """Return what a sidecar sees of the mesh of ``text``.

    ``fetches`` tells whether there is an agent that fetches modules.
    """
    node = f"sidecar~127.0.0.1~test.{namespace}~{namespace}.svc.cluster.local"
    return _scope(text, node, labels, explicit, fetches=fetches)


def gateway_scope(
    text: str,
    *,
    labels: Mapping[str, str] | None = None,
    explicit: Mapping[str, object] | None = None,
) -> Scope:
    """Return what an ingress gateway in ``istio-system`` sees of the mesh."""
    node = "router~127.0.0.1~gateway.istio-system~istio-system.svc.cluster.local"
    return _scope(text, node, labels or {"istio": "ingressgateway"}, explicit)


def _scope(
    text: str,
    node: str,
    labels: Mapping[str, str] | None,
    explicit: Mapping[str, object] | None,
    *,
    fetches: bool = True,
) -> Scope:
    metadata: dict[str, object] = {
        "LABELS": dict(labels or {}),
        FETCHES: fetches,
        "MELTEMI_EXPLICIT": dict(explicit or {}),
    }
    return scope(indexed(text), proxy(node, metadata).group)
