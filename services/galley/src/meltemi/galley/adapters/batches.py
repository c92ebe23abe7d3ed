"""The route that writes many objects at once, all or none of them if asked to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from meltemi.config.finding import Finding, InvalidConfigError
from meltemi.galley.adapters.answers import OUTCOME, json_answer, route
from meltemi.galley.adapters.asking import audited, writing
from meltemi.galley.adapters.body import read_body
from meltemi.galley.adapters.problems import answered
from meltemi.galley.adapters.warning import listed, warn, warned
from meltemi.galley.adapters.writing import FILE, count, foreseen
from meltemi.galley.admit import Preconditions
from meltemi.galley.batch import (
    MOST_APART,
    MOST_ITEMS,
    Item,
    ItemPreconditions,
    envelopes,
    is_list,
    removed_key,
)
from meltemi.galley.intent import Asked, Creation, Removal, Replacement
from meltemi.galley.objects import Order
from meltemi.galley.presentation import shown
from meltemi.galley.refusals import InvalidBodyError, InvalidQueryError
from meltemi.kernel.errors import MeshError
from meltemi.store.ports import TooManyWritesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request, Response
    from starlette.routing import BaseRoute

    from meltemi.galley.adapters.asking import Part, Writing
    from meltemi.galley.adapters.galley import Galley
    from meltemi.galley.batch import Envelope
    from meltemi.galley.intent import Intent
    from meltemi.galley.objects import Outcome
    from meltemi.kernel.names import Key

SPLIT = (
    "split the batch where its halves may be seen apart, or send it with "
    "?atomic=false; replacing or removing an object counts twice, as its last version "
    "is kept"
)


def batches(galley: Galley) -> list[BaseRoute]:
    """Return the route."""

    async def write(request: Request) -> Response:
        wish = await writing(galley, request)
        atomic = request.query_params.get("atomic", "true").lower()
        if atomic not in ("true", "false"):
            raise InvalidQueryError(f"atomic is true or false, not {atomic!r}")
        apart = atomic == "false"
        items = await _items(galley, request, MOST_APART if apart else MOST_ITEMS)
        orders = [_order(galley, wish, each) for each in items]
        parts: dict[str, Part] = {str(each.intent.key): None for each in orders}
        request.state.parts = parts
        if apart:
            return await _one_by_one(galley, wish, orders, parts)
        try:
            outcomes = await galley.objects.perform(orders, dry_run=wish.dry_run)
        except TooManyWritesError as error:
            raise TooManyWritesError(f"{error}: {SPLIT}") from error
        told = [await _told(galley, wish, each) for each in outcomes]
        parts.update(_part(each) for each in outcomes)
        revision = str(max((each.held.revision for each in outcomes), default=0))
        found = warned(galley, wish, outcomes)
        whole = {"metadata": {"resourceVersion": revision}, "items": told}
        answer = json_answer({**whole, **listed(found)})
        answer.headers[OUTCOME] = "applied"
        return warn(answer, found)

    return [route("/api/v1/batch", {"POST": audited(galley, "batch", write)})]


async def _items(galley: Galley, request: Request, most: int) -> Sequence[Item]:
    data = await read_body(request)
    file = request.headers.get(FILE, "request")
    namespace = request.query_params.get("namespace", "default")
    if is_list(data):
        listed = envelopes(data)
        _check_number(len(listed), most)  # before each of them is looked at
        return await _listed(galley, listed, file, namespace)
    found = await galley.decoder.decode(data, file=file, default_namespace=namespace)
    _check_number(len(found), most)
    return [Item("apply", each.key, each, ItemPreconditions()) for each in found]


def _check_number(number: int, most: int) -> None:
    if number > most:
        advice = SPLIT if most == MOST_ITEMS else "send them in several requests"
        raise TooManyWritesError(f"{number:,} objects, at most {most:,}: {advice}")


async def _listed(
    galley: Galley, listed: Sequence[Envelope], file: str, namespace: str
) -> Sequence[Item]:
    """Return the items of a JSON list, or raise with the problems of all of them."""
    items: list[Item] = []
    findings: list[Finding] = []
    for number, each in enumerate(listed):
        if each.operation == "delete":
            key = removed_key(each, number, namespace)
            items.append(Item("delete", key, None, each.preconditions))
            continue
        try:
            (resource,) = await galley.decoder.decode(
                msgspec.json.format(msgspec.json.encode(each.content)),
                file=f"{file}[{number}]",
                default_namespace=namespace,
            )
        except InvalidConfigError as error:
            findings += error.findings
        except ValueError:
            raise InvalidBodyError(f"item {number} is not one object") from None
        else:
            item = Item(each.operation, resource.key, resource, each.preconditions)
            items.append(item)
    if findings:
        raise InvalidConfigError(findings)
    return items


def _order(galley: Galley, wish: Writing, item: Item) -> Order:
    """Return what ``item`` asks for, with a uid of its own."""
    named = item.preconditions.resource_version
    intent: Intent = Removal(item.key)
    if item.resource is not None:
        named = named or item.resource.metadata.resource_version
        creates = item.operation == "create"
        intent = (Creation if creates else Replacement)(item.resource)
    preconditions = Preconditions(
        named, item.preconditions.if_match, item.preconditions.if_none_match
    )
    stamp = replace(wish.stamp, uid=galley.new_uid())
    return Order(intent, Asked(wish.caller, stamp, preconditions))


async def _one_by_one(
    galley: Galley, wish: Writing, orders: Sequence[Order], parts: dict[str, Part]
) -> Response:
    """Perform each order for itself; a refusal stays with its own object.

    What became of each is put into ``parts``.
    """
    told: list[dict[str, object]] = []
    done: list[Outcome] = []
    for order in orders:
        try:
            (outcome,) = await galley.objects.perform([order], dry_run=wish.dry_run)
        except MeshError as error:
            problem = {"code": error.code, "detail": str(error)}
            parts[str(order.intent.key)] = (error.code, "")
            named = {**_named(order.intent.key), "status": answered(error)}
            told.append({**named, "outcome": "refused", "problem": problem})
        else:
            done.append(outcome)
            parts.update((_part(outcome),))
            told.append(await _told(galley, wish, outcome))
    found = warned(galley, wish, done)
    return warn(json_answer({"items": told, **listed(found)}), found)


def _part(outcome: Outcome) -> tuple[str, Part]:
    revision = str(outcome.held.revision or "")
    return str(outcome.held.resource.key), (outcome.word, revision)


def _named(key: Key) -> dict[str, object]:
    name = {"kind": key.kind, "namespace": key.namespace, "name": key.name}
    return {"key": str(key), **name}


async def _told(galley: Galley, wish: Writing, outcome: Outcome) -> dict[str, object]:
    count(galley, outcome, wish)
    status = await foreseen(galley, outcome) if wish.dry_run else None
    resource = outcome.held.resource
    return {
        **_named(resource.key),
        "outcome": outcome.word,
        "object": shown(outcome.held, resource.api_version, status),
    }
