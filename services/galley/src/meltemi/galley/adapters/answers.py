"""Answers: JSON bodies, and what their headers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Response
from starlette.routing import Route

from meltemi.config.finding import Severity
from meltemi.config.kinds import WITHOUT_EFFECT
from meltemi.config.rules.check import check
from meltemi.config.schema.request_authentication import RequestAuthentication
from meltemi.galley.presentation import as_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from typing import TypeAlias

    from fastapi import Request

    from meltemi.config.resource import Resource
    from meltemi.config.schema.message import Message

    Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

OUTCOME = "Meltemi-Outcome"
"""Header that says what a write did: created, configured, unchanged or deleted."""
STALE = '110 galley "etcd is away: this is what was last seen"'
"""RFC 7234 §5.5.1: a response that may be stale says so."""
JSON = "application/json"
NOT_IN_HEADERS = str.maketrans({'"': "'", "\r": " ", "\n": " ", "\\": "/"})


def json_answer(
    body: object, *, status: int = 200, etag: str = "", stale: bool = False
) -> Response:
    """Return ``body`` as JSON."""
    headers = {"ETag": etag} if etag else {}
    if stale:
        headers["Warning"] = STALE
    return Response(as_json(body), status, headers, JSON)


def warn(answer: Response, resource: Resource[Message]) -> None:
    """Add a header for everything about ``resource`` that is odd, but allowed."""
    for text in _warnings(resource):
        answer.headers.append("Warning", f'299 galley "{text}"')


def _warnings(resource: Resource[Message]) -> Iterator[str]:
    if resource.kind in WITHOUT_EFFECT:
        yield f"NO_EFFECT {resource.kind} is stored, and no proxy acts on it yet"
    if isinstance(resource.spec, RequestAuthentication) and not all(
        rule.jwks for rule in resource.spec.jwt_rules
    ):
        yield (
            "KEYS_NOT_FETCHED keys are taken from jwks alone: tokens of an issuer "
            "without it are refused"
        )
    for finding in check(resource):
        if finding.severity is not Severity.ERROR:
            path = f" ({finding.path})" if finding.path else ""
            text = f"{finding.code} {finding.message}{path}"
            yield text.translate(NOT_IN_HEADERS).encode("ascii", "replace").decode()


def route(path: str, handlers: Mapping[str, Handler]) -> Route:
    """Return a route that serves each method with its handler, and no other."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return Route(path, endpoint, methods=list(handlers))
