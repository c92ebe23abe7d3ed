"""One configuration object: its identity, its metadata, its typed specification."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from meltemi.kernel.names import Key, Namespace

S_co = TypeVar("S_co", covariant=True)


class ManagedField(msgspec.Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """Who wrote the object last, and when (RFC 3339, UTC, microseconds)."""

    manager: str
    operation: str = "Update"
    time: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    """Why, in the writer's own words."""


class Metadata(
    msgspec.Struct,
    frozen=True,
    rename="camel",
    kw_only=True,
    omit_defaults=True,
    gc=False,
):
    """Kubernetes' object metadata, as far as a mesh needs it."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    """Counts changes of the specification, not of labels or annotations."""
    creation_timestamp: str = ""
    managed_fields: tuple[ManagedField, ...] = ()


class Resource(
    msgspec.Struct,
    Generic[S_co],
    frozen=True,
    rename="camel",
    kw_only=True,
    gc=False,
):
    """An object of any kind; ``spec`` is the kind's own struct."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: S_co

    @property
    def key(self) -> Key:
        """The identity of the object, without its API version."""
        return Key(self.kind, Namespace(self.metadata.namespace), self.metadata.name)
