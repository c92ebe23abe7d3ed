"""The configuration of the mesh at one revision, as it was stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from meltemi.config.schema.message import Message
from meltemi.kernel.names import Epoch, Key, Revision
from meltemi.pilot.model.buckets import Buckets
from meltemi.pilot.model.fetched_keys import FetchedKeys
from meltemi.pilot.model.secret_store import SecretStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.resource import Resource

T = TypeVar("T", bound=Message)

BEFORE_ALL = (Epoch(""), Revision(0))
"""Where a mesh stands that nobody has read yet."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Every object at ``revision`` of ``epoch``. Editing returns a new mesh."""

    epoch: Epoch = BEFORE_ALL[0]
    revision: Revision = BEFORE_ALL[1]
    kinds: Mapping[str, Buckets[Resource[Message]]] = field(
        default_factory=dict[str, "Buckets[Resource[Message]]"]
    )
    keys: FetchedKeys = field(default_factory=FetchedKeys)
    """Keys of token issuers, as they were fetched last."""

    secrets: SecretStore = field(default_factory=SecretStore)
    """TLS secrets of gateways, opened."""

    @property
    def stamp(self) -> tuple[Revision, Revision, Revision]:
        """What is equal while nothing changed: of objects, keys and secrets."""
        return self.revision, self.keys.revision, self.secrets.revision

    def put(self, resource: Resource[Message]) -> Mesh:
        """Return a mesh that also holds ``resource``, at the same revision."""
        key = resource.key
        bucket = self.kinds.get(key.kind, Buckets())
        return self._with(key.kind, bucket.put(key.namespace, key.name, resource))

    def drop(self, key: Key) -> Mesh:
        """Return a mesh without the object ``key``, at the same revision."""
        bucket = self.kinds.get(key.kind, Buckets())
        return self._with(key.kind, bucket.drop(key.namespace, key.name))

    def at(self, epoch: Epoch, revision: Revision) -> Mesh:
        """Return the same objects, known to be all there is at ``revision``."""
        return replace(self, epoch=epoch, revision=revision)

    def of(self, spec: type[T]) -> tuple[Resource[T], ...]:
        """Return the objects of one kind, oldest first.

        Source:
            Istio settles every conflict between objects by creation time, then name,
            then namespace (pilot/pkg/model/config.go sortConfigByCreationTime).

        """
        stored = self.kinds.get(spec.__name__)
        found = stored.ordered(_age) if stored else ()
        return tuple(each for each in found if _is_of(each, spec))

    def _with(self, kind: str, bucket: Buckets[Resource[Message]]) -> Mesh:
        return replace(self, kinds={**self.kinds, kind: bucket})


def _age(resource: Resource[Message]) -> tuple[str, str, str]:
    metadata = resource.metadata
    return (metadata.creation_timestamp, metadata.name, metadata.namespace)


def _is_of(resource: Resource[Message], spec: type[T]) -> TypeGuard[Resource[T]]:
    return isinstance(resource.spec, spec)
