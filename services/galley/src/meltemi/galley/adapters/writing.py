"""Routes that write objects: one at a time, or all that are selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from meltemi.galley.adapters.answers import OUTCOME, json_answer
from meltemi.galley.adapters.asking import writing
from meltemi.galley.adapters.body import read_body
from meltemi.galley.adapters.place import place_of
from meltemi.galley.adapters.reading import selection_of
from meltemi.galley.adapters.warning import MOST_IN_BODY, listed, warn, warned
from meltemi.galley.effects import affected
from meltemi.galley.intent import Creation, Removal, Replacement
from meltemi.galley.objects import Order
from meltemi.galley.presentation import Status, shown
from meltemi.galley.refusals import MismatchError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import Request, Response

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message
    from meltemi.galley.adapters.answers import Handler
    from meltemi.galley.adapters.asking import Writing
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.adapters.place import Place
    from meltemi.galley.objects import Outcome
    from meltemi.galley.warned import Warned
    from meltemi.kernel.names import Key

A_TRANSACTION = 64
"""Objects removed at once: each also keeps its last version."""
FILE = "X-Meltemi-File"
"""Header that names the body's file, for the places of its problems."""


def creator(galley: Galley) -> Handler:
    """Return what answers a POST of an object that must be new."""

    async def create(request: Request) -> Response:
        place = place_of(request)
        wish = await writing(galley, request)
        resource = await _one(galley, request, place)
        order = Order(Creation(resource), wish.asked(resource))
        return await written(galley, place, wish, order)

    return create


def replacer(galley: Galley) -> Handler:
    """Return what answers a PUT."""

    async def replace(request: Request) -> Response:
        place = place_of(request)
        wish = await writing(galley, request)
        resource = await _one(galley, request, place)
        if resource.metadata.name != place.name:
            raise MismatchError(
                f"the URL is about {place.name!r}, the body about "
                f"{resource.metadata.name!r}"
            )
        order = Order(Replacement(resource), wish.asked(resource))
        return await written(galley, place, wish, order)

    return replace


def remover(galley: Galley) -> Handler:
    """Return what answers a DELETE of one object."""

    async def remove(request: Request) -> Response:
        place = place_of(request)
        wish = await writing(galley, request)
        order = Order(Removal(place.key), wish.asked())
        (outcome,) = await galley.objects.perform([order], dry_run=wish.dry_run)
        count(galley, outcome, wish)
        details = {"name": place.name, "uid": outcome.held.resource.metadata.uid}
        found = warned(galley, wish, [outcome])
        return _gone(place, str(outcome.held.revision), details, found)

    return remove


def sweeper(galley: Galley) -> Handler:
    """Return what answers a DELETE of all objects, or of those selected."""

    async def sweep(request: Request) -> Response:
        place = place_of(request)
        wish = await writing(galley, request)
        selection = selection_of(request)
        found = await galley.reads.list(place.kind.name, place.namespace, selection)
        keys = [held.resource.key for held in found.items]
        revision = str(found.revision)
        done: list[Outcome] = []
        for start in range(0, len(keys), A_TRANSACTION):
            for outcome in await _remove(galley, wish, keys[start:][:A_TRANSACTION]):
                revision = str(outcome.held.revision)
                done.append(outcome)
                count(galley, outcome, wish)
        removed = [each.held.resource.metadata.name for each in done]
        told = warned(galley, wish, done)
        return _gone(place, revision, {"removed": removed}, told)

    return sweep


async def written(
    galley: Galley, place: Place, wish: Writing, order: Order
) -> Response:
    """Perform ``order`` and answer with the object as it is then."""
    (outcome,) = await galley.objects.perform([order], dry_run=wish.dry_run)
    count(galley, outcome, wish)
    found = warned(galley, wish, [outcome])
    status = await foreseen(galley, outcome) if wish.dry_run else Status()
    if found:
        status = replace(status, warnings=found[:MOST_IN_BODY])
    held = outcome.held
    answer = json_answer(
        shown(held, place.api_version, status if status != Status() else None),
        status=201 if outcome.created else 200,
        etag=held.etag,
    )
    answer.headers[OUTCOME] = outcome.word
    return warn(answer, found)


async def foreseen(galley: Galley, outcome: Outcome) -> Status:
    """Return which proxies would be affected."""
    fleet = await galley.pilots.fleet()
    names = affected(outcome.held.resource, fleet.proxies, galley.root_namespace)
    return Status(affected_proxies=names if outcome.changed else ())


def count(galley: Galley, outcome: Outcome, wish: Writing) -> None:
    """Count what became of a write."""
    word = "written" if outcome.written else "unchanged"
    galley.metrics.writes.labels("dry-run" if wish.dry_run else word).inc()


async def _remove(
    galley: Galley, wish: Writing, keys: list[Key]
) -> tuple[Outcome, ...]:
    """Remove ``keys`` at once; those that are gone meanwhile are left out."""
    while keys:
        orders = [Order(Removal(key), wish.asked()) for key in keys]
        try:
            return await galley.objects.perform(orders, dry_run=wish.dry_run)
        except NotFoundError as error:
            keys = [key for key in keys if key != error.key]
    return ()


async def _one(galley: Galley, request: Request, place: Place) -> Resource[Message]:
    """Return the one object of a body, if it is what the URL is about."""
    data = await read_body(request)
    file = request.headers.get(FILE, "request")
    return fitting(
        place,
        await galley.decoder.decode(
            data, file=file, default_namespace=place.namespace or ""
        ),
    )


def fitting(
    place: Place, resources: tuple[Resource[Message], ...]
) -> Resource[Message]:
    """Return the one object of a body, or raise `MismatchError`."""
    if len(resources) != 1:
        raise MismatchError(f"the body holds {len(resources)} objects: send one")
    resource = resources[0]
    if resource.kind != place.kind.name:
        raise MismatchError(
            f"the URL is about a {place.kind.name}, the body about a {resource.kind}"
        )
    if resource.metadata.namespace != place.namespace:
        raise MismatchError(
            f"the URL is about the namespace {place.namespace!r}, the body about "
            f"{resource.metadata.namespace!r}"
        )
    return resource


def _gone(
    place: Place,
    revision: str,
    details: Mapping[str, object],
    found: Sequence[Warned],
) -> Response:
    """Return Kubernetes' word for a removal that went well."""
    kind = place.kind
    status = {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Success",
        "metadata": {"resourceVersion": revision},
        "details": {"group": kind.group, "kind": kind.plural, **details},
        **listed(found),
    }
    answer = json_answer(status)
    answer.headers[OUTCOME] = "deleted"
    return warn(answer, found)
