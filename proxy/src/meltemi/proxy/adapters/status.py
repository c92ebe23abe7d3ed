"""The agent's own HTTP: readiness as Istio's port 15021 tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from meltemi.runtime.operations import Readiness, operations, report

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.requests import Request
    from starlette.responses import Response


def status_app(readiness: Readiness, registry: CollectorRegistry) -> Starlette:
    """Return the application: ``/healthz/ready`` and what every service has."""
    app = Starlette()
    operations(app, service="agent", readiness=readiness, registry=registry)

    async def ready(_: Request) -> Response:
        verdict = readiness.verdict()
        status = 503 if any(verdict.values()) else 200
        return PlainTextResponse(report(verdict, verbose=False), status)

    app.add_route("/healthz/ready", ready)
    return app
