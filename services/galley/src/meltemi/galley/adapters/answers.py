"""Answers: JSON bodies, and what their headers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Response
from starlette.routing import Route

from meltemi.galley.presentation import as_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from fastapi import Request

    Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

OUTCOME = "Meltemi-Outcome"
"""Header that says what a write did: created, configured, unchanged or deleted."""
STALE = '110 galley "etcd is away: this is what was last seen"'
"""RFC 7234 §5.5.1: a response that may be stale says so."""
JSON = "application/json"


def json_answer(
    body: object, *, status: int = 200, etag: str = "", stale: bool = False
) -> Response:
    """Return ``body`` as JSON."""
    headers = {"ETag": etag} if etag else {}
    if stale:
        headers["Warning"] = STALE
    return Response(as_json(body), status, headers, JSON)


def route(path: str, handlers: Mapping[str, Handler]) -> Route:
    """Return a route that serves each method with its handler, and no other."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, endpoint, methods=list(handlers))
