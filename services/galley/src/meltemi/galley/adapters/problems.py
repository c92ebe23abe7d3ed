"""Every error as RFC 9457 problem details, with each problem of a text and its place.

FastAPI reads annotations at run time: this module and `routes` do not postpone them.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from meltemi.config.finding import Finding, InvalidConfigError
from meltemi.config.kinds import kind_at
from meltemi.kernel.errors import MeshError
from meltemi.runtime.problems import status_of

if TYPE_CHECKING:
    from meltemi.galley.metrics import Metrics

PROBLEM = "application/problem+json"
BY_CODE = MappingProxyType(
    {
        "caller.unauthenticated": 401,
        "caller.forbidden": 403,
        "config.reserved": 403,
        "config.unknown-kind": 404,
        "config.not-found": 404,
        "config.already-exists": 409,
        "config.stale-write": 409,
        "config.precondition-failed": 412,
        "config.mismatch": 422,
        "config.patch": 422,
        "config.expired": 410,
        "config.unknown-revision": 404,
        "joining.unknown": 404,
        "token.not-found": 404,
        "secret.not-found": 404,
        "secret.invalid": 422,
        "request.too-slow": 408,
        "request.too-costly": 413,
        "request.busy": 429,
        "request.body": 422,
        "request.too-large": 413,
        "request.media-type": 415,
    }
)
MALFORMED = frozenset({"MALFORMED_YAML", "NOT_UTF8", "EMPTY", "ALIAS", "TAG"})
"""Findings about the text itself: what it says was not even looked at."""


def answered(error: MeshError) -> int:
    """Return the status that ``error`` is answered with."""
    return BY_CODE.get(error.code) or status_of(error)


def answer_problems(app: FastAPI, metrics: "Metrics") -> None:
    """Answer every refusal of ``app`` as ``application/problem+json``."""

    @app.exception_handler(InvalidConfigError)
    async def answer_findings(request: Request, error: InvalidConfigError) -> Response:
        metrics.refused.labels(error.code).inc()
        body = problem(request, findings_status(error), error.code, _number(error))
        body["title"] = f"{_subject(request)} is invalid"
        body["errors"] = [_shown(finding) for finding in error.findings]
        return _response(body)

    @app.exception_handler(MeshError)
    async def answer(request: Request, error: MeshError) -> Response:
        metrics.refused.labels(error.code).inc()
        return _response(problem(request, answered(error), error.code, str(error)))

    @app.exception_handler(HTTPException)
    async def answer_http(request: Request, error: HTTPException) -> Response:
        code = "request.method" if error.status_code == 405 else "request.path"  # noqa: PLR2004 - Method Not Allowed
        detail = f"{request.method} {request.url.path}: {error.detail}"
        body = problem(request, error.status_code, code, detail)
        return _response(body, error.headers)

    @app.exception_handler(RequestValidationError)
    async def answer_query(request: Request, error: RequestValidationError) -> Response:
        detail = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors()
        )
        return _response(problem(request, 400, "request.query", detail))


def findings_status(error: InvalidConfigError) -> int:
    """Return 400 for a text that is no text, 422 for one that says wrong things."""
    codes = {finding.code for finding in error.findings}
    return 400 if codes & MALFORMED else 422


def problem(request: Request, status: int, code: str, detail: str) -> dict[str, object]:
    """Return problem details (RFC 9457 §3.1)."""
    return {
        "type": f"https://meltemi.dev/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
    }


def _response(
    body: dict[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    status = HTTPStatus(int(str(body["status"])))
    if status is HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"}
    return Response(msgspec.json.encode(body), status, headers, PROBLEM)


def _number(error: InvalidConfigError) -> str:
    number = len(error.findings)
    return "1 problem" if number == 1 else f"{number} problems"


def _subject(request: Request) -> str:
    """Return what the URL is about: ``VirtualService prod/reviews``."""
    parts: dict[str, str] = request.path_params
    if "plural" not in parts:
        return "The batch"
    kind = kind_at(parts["group"], parts["version"], parts["plural"])
    noun = kind.name if kind else parts["plural"]
    return f"{noun} {parts['namespace']}/{parts.get('name', '(new)')}"


def _shown(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "pointer": finding.pointer,
        "path": finding.path,
        "source": finding.source,
        "detail": finding.message,
        "hint": finding.hint,
    }
