"""The words of the mesh: small types whose names keep arguments from being swapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Hostname = NewType("Hostname", str)
Namespace = NewType("Namespace", str)

Revision = NewType("Revision", int)
"""An etcd revision. Totally ordered within one etcd cluster, and never reused."""

Epoch = NewType("Epoch", str)
"""The etcd cluster a revision belongs to: revisions of two epochs don't compare."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The identity of one configuration object."""

    kind: str
    namespace: Namespace
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"
