"""Routes that read objects: one, many, changes as they come, and how far they got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Response

from meltemi.events.listing import EPOCH
from meltemi.galley.adapters.answers import json_answer, route
from meltemi.galley.adapters.asking import check_reader
from meltemi.galley.adapters.place import OBJECT, place_of
from meltemi.galley.admit import matches
from meltemi.galley.distribution import conditions, conflicted, distribution
from meltemi.galley.paging import Paging
from meltemi.galley.presentation import Status, shown, shown_list
from meltemi.galley.refusals import InvalidQueryError, NotFoundError
from meltemi.galley.selector import Selection

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.routing import BaseRoute

    from meltemi.galley.adapters.answers import Handler
    from meltemi.galley.adapters.asking import Reader
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.admit import Held
    from meltemi.galley.distribution import Distribution, Fleet
    from meltemi.kernel.names import Key

TRUE = ("1", "true")
EVENT_STREAM = "text/event-stream"
NOT_MODIFIED = 304
LONGEST_REVISION = 18


def reader(galley: Galley) -> Handler:
    """Return what answers a GET of one object."""

    async def read(request: Request) -> Response:
        place = place_of(request)
        reader = await check_reader(galley, request, "get", place)
        held, stale = await galley.reads.get(place.key)
        if held is None:
            raise NotFoundError(place.key)
        known = request.headers.get("if-none-match")
        if known is not None and matches(known, held):
            return Response(None, NOT_MODIFIED, {"ETag": held.etag})
        fleet = await galley.pilots.fleet()
        status = status_of(galley, held, fleet, reader)
        secrets = await galley.secrets.conditions(held.resource.spec)
        body = shown(held, place.api_version, status.having(secrets))
        return json_answer(body, etag=held.etag, stale=stale)

    return read


def lister(galley: Galley) -> Handler:
    """Return what answers a GET of many objects, or of their changes."""

    async def read(request: Request) -> Response:
        query = request.query_params
        streamed = EVENT_STREAM in request.headers.get("accept", "")
        place = place_of(request)
        if streamed or query.get("watch", "").lower() in TRUE:
            right = (await check_reader(galley, request, "watch", place)).right
            return await galley.watches.answer(request, place, right, streamed=streamed)
        reader = await check_reader(galley, request, "list", place)
        selection = selection_of(request)
        paging = Paging.parse(query.get("limit", ""), query.get("continue", ""))
        found = await galley.reads.list(
            place.kind.name, place.namespace, selection, paging
        )
        fleet = await galley.pilots.fleet()
        items = [
            shown(held, place.api_version, status_of(galley, held, fleet, reader))
            for held in found.items
        ]
        body = shown_list(place.kind, place.api_version, items, found)
        answer = json_answer(body, stale=found.stale)
        if found.epoch:
            answer.headers[EPOCH] = found.epoch
        return answer

    return read


def views(galley: Galley) -> list[BaseRoute]:
    """Return the routes that are read only."""

    async def read_distribution(request: Request) -> Response:
        place = place_of(request)
        await check_reader(galley, request, "get", place)
        revision = _revision(request)
        held, stale = await galley.reads.get(place.key)
        if held is None and revision is None:
            raise NotFoundError(place.key)
        fleet = await galley.pilots.fleet()
        return json_answer(_far(place.key, held, revision, fleet), stale=stale)

    got = {"GET": read_distribution}
    return [
        route(OBJECT + "/distribution", got),
        route("/api/v1" + OBJECT + "/distribution", got),
    ]


def selection_of(request: Request) -> Selection:
    """Return which objects the query means; raise `InvalidQueryError`."""
    query = request.query_params
    return Selection.parse(
        query.get("labelSelector", ""), query.get("fieldSelector", "")
    )


def status_of(galley: Galley, held: Held, fleet: Fleet, reader: Reader) -> Status:
    """Return what became of an object."""
    key = held.resource.key
    arrived = conditions(_far(key, held, None, fleet), key.kind)
    found = galley.foresight.rivals.conflicts(held.resource)
    keys = galley.keys.conditions(held.resource.spec)
    return Status((*arrived, conflicted(found, reader.may_read), *keys))


def _far(
    key: Key, held: Held | None, revision: int | None, fleet: Fleet
) -> Distribution:
    if held is None:
        return distribution(str(key), revision or 0, fleet, written=None)
    wanted = revision or held.revision
    managed = held.resource.metadata.managed_fields
    written = managed[-1].time if managed and wanted == held.revision else None
    return distribution(str(key), wanted, fleet, written=written)


def _revision(request: Request) -> int | None:
    text = request.query_params.get("revision")
    if text is None:
        return None
    plain = text.isascii() and text.isdigit() and len(text) <= LONGEST_REVISION
    if not plain or int(text) < 1:
        raise InvalidQueryError(f"revision is a number from 1 on, not {text!r}")
    return int(text)
