"""Labels and annotations that are Meltemi's own: who may set them. Pure.

``meltemi.dev/source`` says whose an object is, and the directory source removes what
is its own. Nobody else may claim an object for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from meltemi.galley.permission import DirectorySource
from meltemi.galley.refusals import ReservedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meltemi.config.resource import Metadata, Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.permission import Caller

PREFIX: Final = "meltemi.dev/"
SOURCE: Final = PREFIX + "source"
"""The label that names the source an object came from."""


def check_reserved(
    caller: Caller, asked: Resource[Message], current: Resource[Message] | None
) -> None:
    """Let nobody but the source itself set what is reserved.

    What is there already may stay, so that an object can be written back as it was
    read, or go: then the object is no longer the source's.

    Raises:
        ReservedError: Naming the field.

    """
    if isinstance(caller, DirectorySource):
        return
    there = _reserved(current.metadata) if current is not None else {}
    for path, value in _reserved(asked.metadata).items():
        if there.get(path) != value:
            raise ReservedError(
                f"{path}: {value!r} would claim {asked.key} for one of Meltemi's own "
                f"sources, and only that source may: remove what begins with {PREFIX}"
            )


def unclaimed(resource: Resource[Message]) -> Resource[Message]:
    """Return ``resource`` as nobody's: without what is reserved."""
    metadata = msgspec.structs.replace(
        resource.metadata,
        labels=_free(resource.metadata.labels),
        annotations=_free(resource.metadata.annotations),
    )
    return msgspec.structs.replace(resource, metadata=metadata)


def claimed_as(
    resource: Resource[Message], current: Resource[Message] | None
) -> Resource[Message]:
    """Return ``resource`` with what is reserved as ``current`` has it."""
    free = unclaimed(resource)
    if current is None:
        return free
    metadata = msgspec.structs.replace(
        free.metadata,
        labels={**free.metadata.labels, **_kept(current.metadata.labels)},
        annotations={
            **free.metadata.annotations,
            **_kept(current.metadata.annotations),
        },
    )
    return msgspec.structs.replace(free, metadata=metadata)


def _reserved(metadata: Metadata) -> Mapping[str, str]:
    """Return what is reserved, by its path."""
    return {
        f'metadata.{field}["{key}"]': value
        for field in ("labels", "annotations")
        for key, value in getattr(metadata, field).items()
        if key.startswith(PREFIX)
    }


def _kept(words: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in words.items() if key.startswith(PREFIX)}


def _free(words: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in words.items() if not key.startswith(PREFIX)}
