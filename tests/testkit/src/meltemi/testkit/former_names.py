"""A MeshConfig that says what else the mesh is called, as Galley would store it."""

from __future__ import annotations

from meltemi.config.canonical import stored
from meltemi.config.decode import read
from meltemi.config.trust_domains import mesh_config_place
from meltemi.store.ports import Write

PLACE = mesh_config_place("default", "istio-system")


def mesh_config(*aliases: str) -> str:
    """Return the object, YAML."""
    return f"""
apiVersion: mesh.istio.io/v1alpha1
kind: MeshConfig
metadata: {{name: default, namespace: istio-system}}
spec: {{trustDomainAliases: [{", ".join(aliases)}]}}
"""


def mesh_config_stored(*aliases: str) -> bytes:
    """Return the object as it lies in the ledger."""
    text = mesh_config(*aliases).encode()
    (found,) = read(text, file="mesh.yaml", default_namespace="default").resources
    return stored(found)


def called(*aliases: str) -> Write:
    """Return what puts the object into the ledger."""
    return Write(PLACE, mesh_config_stored(*aliases))
