"""The route that changes a part of an object: RFC 7396 or RFC 6902."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meltemi.config.canonical import content
from meltemi.config.decode import TEXT_LIMIT
from meltemi.config.json_text import NotStrictJsonError, load
from meltemi.galley.adapters.asking import writing
from meltemi.galley.adapters.body import read_patch
from meltemi.galley.adapters.place import place_of
from meltemi.galley.adapters.writing import fitting, written
from meltemi.galley.admit import Preconditions
from meltemi.galley.door import decode
from meltemi.galley.intent import Amendment
from meltemi.galley.objects import Order
from meltemi.galley.patch import MERGE, merged, parse_operations, patched
from meltemi.galley.refusals import PatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request, Response

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.answers import Handler
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.adapters.place import Place
    from meltemi.galley.admit import Held

    Change = Callable[[object], object]

FILE = "patched"
"""What the places of problems call the text: the object as the patch made it."""


def patcher(galley: Galley) -> Handler:
    """Return what answers a PATCH, by its Content-Type."""

    async def patch(request: Request) -> Response:
        place = place_of(request)
        wish = await writing(galley, request)
        media, data = await read_patch(request)
        change = _merging(data) if media == MERGE else _operating(data)
        order = Order(Amendment(place.key, _amendment(place, change)), wish.asked())
        return await written(galley, place, wish, order)

    return patch


def _merging(data: bytes) -> Change:
    try:
        patch = load(data.decode("utf-8"))
    except (NotStrictJsonError, UnicodeDecodeError) as error:
        raise PatchError(f"the merge patch is not JSON: {error}") from error
    return lambda target: merged(target, patch)


def _operating(data: bytes) -> Change:
    operations = parse_operations(data)
    return lambda target: patched(target, operations)


def _amendment(
    place: Place, change: Change
) -> Callable[[Held], tuple[Resource[Message], Preconditions]]:
    """Return what changes an object as it is written, and reads it again."""

    def amend(held: Held) -> tuple[Resource[Message], Preconditions]:
        if not held.readable:
            raise PatchError(f"{place.key} cannot be read: replace it with PUT")
        target = json.loads(content(held.resource))
        target["apiVersion"] = place.api_version
        target["metadata"]["resourceVersion"] = str(held.revision)
        text = json.dumps(change(target), indent=1).encode()
        if len(text) > TEXT_LIMIT:
            raise PatchError(f"the patched object has over {TEXT_LIMIT:,} bytes")
        found = decode(text, file=FILE, default_namespace=place.namespace or "")
        resource = fitting(place, found)
        return resource, Preconditions(resource.metadata.resource_version)

    return amend
