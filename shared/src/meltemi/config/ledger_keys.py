"""Where an object lies in the ledger: ``/mesh/v1/MESH/PLURAL.GROUP/NAMESPACE/NAME``."""

from __future__ import annotations

from typing import Final

from meltemi.config.kinds import KIND_BY_COLLECTION, KIND_BY_NAME
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.names import Key, Namespace

NO_NAMESPACE: Final = "_"
DEPTH: Final = 7


class ForeignKeyError(MeshError):
    """A key of the ledger is not where a configuration object lies."""

    code = "ledger.foreign-key"
    blame = Blame.PEER


def config_prefix(mesh: str) -> str:
    """Return the prefix of all configuration of ``mesh``, and of nothing else."""
    return f"/mesh/v1/{mesh}/"


def collection_prefix(mesh: str, kind: str, namespace: str | None = None) -> str:
    """Return the prefix of all objects of ``kind``, or of those in ``namespace``.

    Raises:
        KeyError: If there is no such kind.

    """
    prefix = f"{config_prefix(mesh)}{KIND_BY_NAME[kind].collection}/"
    return prefix if namespace is None else f"{prefix}{namespace or NO_NAMESPACE}/"


def ledger_key(mesh: str, key: Key) -> str:
    """Return where the object ``key`` lies.

    Raises:
        KeyError: If there is no such kind.

    """
    return f"{collection_prefix(mesh, key.kind, key.namespace)}{key.name}"


def object_key(ledger_key: str) -> Key:
    """Return the identity of the object at ``ledger_key``: undoes `ledger_key`.

    Raises:
        ForeignKeyError: If no object of a known kind can lie there.

    """
    parts = ledger_key.split("/")
    if len(parts) == DEPTH and parts[:3] == ["", "mesh", "v1"] and all(parts[3:]):
        _, collection, namespace, name = parts[3:]
        kind = KIND_BY_COLLECTION.get(collection)
        if kind is not None:
            inside = "" if namespace == NO_NAMESPACE else namespace
            return Key(kind.name, Namespace(inside), name)
    raise ForeignKeyError(
        f"{ledger_key!r} is not /mesh/v1/MESH/PLURAL.GROUP/NAMESPACE/NAME of a kind"
    )
