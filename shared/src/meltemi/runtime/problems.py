"""Errors as RFC 9457 problem details: one table decides the status of each code."""

from http import HTTPStatus
from types import MappingProxyType

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from meltemi.kernel.errors import Blame, MeshError

BY_BLAME = MappingProxyType({Blame.CALLER: 400, Blame.PEER: 503, Blame.OURS: 500})
BY_CODE = MappingProxyType(
    {
        "admin.denied": 401,
        "citadel.forbidden-identity": 403,
        "citadel.no-such-key": 404,
        "citadel.no-such-rule": 404,
        "citadel.no-such-token": 404,
        "citadel.rotation": 409,
        "citadel.no-such-trust-domain": 404,
        "citadel.out-of-scope": 403,
        "config.invalid": 422,
        "identity.invalid": 422,
        "injector.stranger": 401,
        "injector.too-large": 413,
        "injector.too-slow": 408,
        "ledger.conflict": 409,
        "ledger.full": 507,
        "ledger.too-many-writes": 413,
    }
)


def status_of(error: MeshError) -> int:
    """Return the HTTP status of ``error``: by its code, else by who must act."""
    return BY_CODE.get(error.code, BY_BLAME[error.blame])


def answer_mesh_errors(app: FastAPI) -> None:
    """Answer every `MeshError` of a route as ``application/problem+json``."""

    @app.exception_handler(MeshError)
    async def answer(request: Request, error: MeshError) -> JSONResponse:
        status = status_of(error)
        problem = {
            "type": f"https://meltemi.dev/problems/{error.code}",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": error.code,
            "detail": str(error),
            "instance": request.url.path,
        }
        return JSONResponse(problem, status, media_type="application/problem+json")
