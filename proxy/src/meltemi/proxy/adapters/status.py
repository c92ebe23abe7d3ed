"""The agent's own HTTP: readiness as Istio's port 15021 tells it."""

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry

from meltemi.runtime.operations import Readiness, operations, report


def status_app(readiness: Readiness, registry: CollectorRegistry) -> FastAPI:
    """Return the application: ``/healthz/ready`` and what every service has."""
    app = FastAPI(title="agent", docs_url=None, redoc_url=None, openapi_url=None)
    operations(app, service="agent", readiness=readiness, registry=registry)

    @app.get("/healthz/ready")
    async def ready() -> Response:
        verdict = readiness.verdict()
        status = 503 if any(verdict.values()) else 200
        return Response(report(verdict, verbose=False), status, media_type="text/plain")

    return app
