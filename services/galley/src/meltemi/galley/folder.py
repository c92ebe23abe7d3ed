"""A folder of YAML as a source of objects: what it says, and what that asks for. Pure.

::

    texts ─▶ read_folder ─▶ objects, labelled as the folder's ─┐
    ledger ─────────────────▶ objects that have the label ─────┴▶ steps
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads it
from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.config.finding import Finding, InvalidConfigError, Source
from meltemi.galley.door import read
from meltemi.galley.reserved import SOURCE, unclaimed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.kernel.names import Key

    Object = Resource[Message]

OWNED: Final = "directory"
SELECTOR: Final = f"{SOURCE}={OWNED}"
"""What the folder's objects are found by."""
SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
DEFAULT_NAMESPACE: Final = "default"
FIRST: Final = ("ServiceEntry", "WorkloadEntry", "DestinationRule", "Gateway")
"""What others refer to is written first."""
AT_ONCE: Final = 60
"""Objects of one transaction: each may also keep its last version."""


class Folder(msgspec.Struct, frozen=True):
    """What a folder says: objects in the order to write them, and their files."""

    objects: tuple[Object, ...] = ()
    files: Mapping[Key, str] = {}
    warnings: tuple[Finding, ...] = ()


class Sourced(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a folder stands."""

    directory: str
    objects: int = 0
    applied: str = ""
    """When the mesh last had all of it, RFC 3339; empty: never yet."""
    problems: tuple[str, ...] = ()
    """Why not now, a line each: FILE:LINE:COL where a file is to blame."""
    warnings: tuple[str, ...] = ()


def read_folder(texts: Iterable[tuple[str, bytes]]) -> Folder:
    """Return what ``texts`` say, as one.

    Raises:
        InvalidConfigError: With the problems of all of them.

    """
    found: dict[Key, Object] = {}
    files: dict[Key, str] = {}
    problems: list[Finding] = []
    warnings: list[Finding] = []
    for file, data in texts:
        if not data.strip():
            continue
        try:
            decoded = read(data, file=file, default_namespace=DEFAULT_NAMESPACE)
        except InvalidConfigError as error:
            problems += error.findings
            continue
        warnings += decoded.warnings
        for each in decoded.resources:
            if each.key in found:
                problems.append(_twice(each.key, file, files[each.key]))
            found[each.key], files[each.key] = _owned(each), file
    if problems:
        raise InvalidConfigError(problems)
    ordered = sorted(found.values(), key=_place)
    return Folder(tuple(ordered), files, tuple(warnings))


def left(folder: Folder, held: Iterable[Object]) -> list[Key]:
    """Return those of ``held`` that the folder no longer has, in order of removal."""
    gone = [each for each in held if each.key not in folder.files]
    return [each.key for each in sorted(gone, key=_place, reverse=True)]


def _owned(resource: Object) -> Object:
    free = unclaimed(resource)
    labels = {**free.metadata.labels, SOURCE: OWNED}
    metadata = msgspec.structs.replace(
        free.metadata, labels=labels, resource_version=""
    )
    return msgspec.structs.replace(free, metadata=metadata)


def _twice(key: Key, file: str, first: str) -> Finding:
    return Finding(
        code="DUPLICATE",
        message=f"{key} stands in {first} already",
        path="metadata.name",
        source=Source(file, 0, 1, 1),
        hint="an object has one file: remove one of them",
    )


def _place(resource: Object) -> int:
    return FIRST.index(resource.kind) if resource.kind in FIRST else len(FIRST)
