"""Routes for administrators: tokens of limited scope, and the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import Response

from meltemi.galley.adapters.answers import OUTCOME, json_answer, route
from meltemi.galley.adapters.asking import audited, check_administrator
from meltemi.galley.adapters.body import read_json
from meltemi.galley.audit import KEPT
from meltemi.galley.refusals import InvalidBodyError, InvalidQueryError
from meltemi.galley.tokens import Wish

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.routing import BaseRoute

    from meltemi.galley.adapters.galley import Galley

TOKENS = "/api/v1/tokens"
FILTERS = ("actor", "verb", "outcome", "target")
USUAL = 100
NO_CONTENT = 204


def administration(galley: Galley) -> list[BaseRoute]:
    """Return the routes."""

    async def create(request: Request) -> Response:
        by = await check_administrator(galley, request)
        data = await read_json(request)
        try:
            wish = msgspec.json.decode(data, type=Wish)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise InvalidBodyError(f"not a wish for a token: {error}") from error
        token, text = await galley.tokens.create(wish, by=by)
        answer = json_answer({**token.shown(), "token": text}, status=201)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers[OUTCOME] = "created"
        return answer

    async def read(request: Request) -> Response:
        await check_administrator(galley, request)
        tokens = await galley.tokens.all()
        return json_answer({"items": [each.shown() for each in tokens]})

    async def revoke(request: Request) -> Response:
        await check_administrator(galley, request)
        await galley.tokens.revoke(request.path_params["id"])
        return Response(None, NO_CONTENT, {OUTCOME: "deleted"})

    async def read_audit(request: Request) -> Response:
        await check_administrator(galley, request)
        query = request.query_params
        wanted = {name: query[name] for name in FILTERS if name in query}
        found = galley.audit.newest(_limit(request), **wanted)
        return json_answer({"items": found})

    made = {"GET": read, "POST": audited(galley, "create-token", create)}
    return [
        route(TOKENS, made),
        route(TOKENS + "/{id}", {"DELETE": audited(galley, "revoke-token", revoke)}),
        route("/api/v1/audit", {"GET": read_audit}),
    ]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= KEPT):
        raise InvalidQueryError(f"limit is a number from 1 to {KEPT}, not {text!r}")
    return int(text)
