"""Routes about what an object was before, and back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meltemi.config.resource import Metadata
from meltemi.galley.adapters.answers import json_answer, route
from meltemi.galley.adapters.asking import audited, check_reader, writing
from meltemi.galley.adapters.place import OBJECT, place_of
from meltemi.galley.adapters.writing import written
from meltemi.galley.history import restored
from meltemi.galley.intent import Restoration
from meltemi.galley.objects import Order
from meltemi.galley.refusals import (
    InvalidQueryError,
    NotFoundError,
    UnknownRevisionError,
)

if TYPE_CHECKING:
    from fastapi import Request, Response
    from starlette.routing import BaseRoute

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.galley import Galley


def history(galley: Galley) -> list[BaseRoute]:
    """Return the routes."""

    async def read(request: Request) -> Response:
        place = place_of(request)
        await check_reader(galley, request, "get", place)
        found = await galley.reads.history(place.key)
        if not found:
            raise NotFoundError(place.key)
        return json_answer({"items": found})

    async def roll_back(request: Request) -> Response:
        place = place_of(request)
        wish = await writing(galley, request)
        revision = request.query_params.get("revision", "")
        if not revision:
            raise InvalidQueryError("say which revision: ?revision=R, see …/history")
        kept = await galley.reads.history(place.key)
        former = restored(kept, revision)
        if former is None:
            known = ", ".join(each.revision for each in kept if each.object) or "none"
            raise UnknownRevisionError(
                f"{place.key} has no revision {revision!r} in its history: {known}"
            )
        wish = wish.explained(f"rollback to revision {revision}")
        order = Order(Restoration(_unstamped(former)), wish.asked())
        return await written(galley, place, wish, order)

    back = {"POST": audited(galley, "rollback", roll_back)}
    return [
        each
        for root in ("", "/api/v1")
        for each in (
            route(root + OBJECT + "/history", {"GET": read}),
            route(root + OBJECT + "/rollback", back),
        )
    ]


def _unstamped(former: Resource[Message]) -> Resource[Message]:
    """Return ``former`` without what the server added to it."""
    written = former.metadata
    return msgspec.structs.replace(
        former,
        metadata=Metadata(
            name=written.name,
            namespace=written.namespace,
            labels=written.labels,
            annotations=written.annotations,
        ),
    )
