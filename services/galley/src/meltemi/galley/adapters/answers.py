"""Answers: JSON bodies, and what their headers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import Response
from starlette.routing import Route

from meltemi.config.spelling import did_you_mean
from meltemi.galley.presentation import as_json
from meltemi.galley.refusals import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from fastapi import Request

    Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

OUTCOME = "Meltemi-Outcome"
"""Header that says what a write did: created, configured, unchanged or deleted."""
PARAMETERS: Final = (
    *("dryRun", "labelSelector", "fieldSelector", "limit", "continue", "revision"),
    *("watch", "resourceVersion", "timeoutSeconds", "allowWatchBookmarks"),
    *("atomic", "namespace", "actor", "verb", "outcome", "target", "window"),
    "labels",
)
"""What a query may say. Bookmarks are sent whether they are asked for or not."""
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


def check_query(request: Request) -> None:
    """Raise `InvalidQueryError` for a parameter that nothing reads.

    A misspelt ``dryRun`` would write, a misspelt selector would delete all.
    """
    for name in request.query_params:
        if name not in PARAMETERS:
            hint = did_you_mean(name, PARAMETERS) or "known: " + ", ".join(PARAMETERS)
            raise InvalidQueryError(f"no parameter is called {name!r}: {hint}")


def route(path: str, handlers: Mapping[str, Handler]) -> Route:
    """Return a route that serves each method with its handler, and no other."""

    async def endpoint(request: Request) -> Response:
        check_query(request)
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, endpoint, methods=list(handlers))
