"""The agent's own HTTP: readiness and metrics as Istio's ports 15021 and 15020 tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from meltemi.proxy.adapters.envoy_admin import EnvoyAwayError
from meltemi.proxy.exposition import istio_names
from meltemi.runtime.operations import Probe, Readiness, operations, report

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.requests import Request

    from meltemi.proxy.adapters.envoy_admin import EnvoyAdmin


def status_app(
    readiness: Readiness,
    registered: Probe,
    registry: CollectorRegistry,
    admin: EnvoyAdmin,
) -> Starlette:
    """Return the application, with what every service has.

    ``/healthz/ready`` tells whether the proxy may be called, ``/stats/prometheus`` what
    it counted. ``/joined`` tells whether others know of the workload as well, which a
    proxy does not need to serve those who did before.
    """
    app = Starlette()
    operations(app, service="agent", readiness=readiness, registry=registry)

    async def ready(_: Request) -> Response:
        verdict = readiness.verdict()
        status = 503 if any(verdict.values()) else 200
        return PlainTextResponse(report(verdict, verbose=False), status)

    async def joined(_: Request) -> Response:
        verdict = {**readiness.verdict(), "registration": registered()}
        status = 503 if any(verdict.values()) else 200
        return PlainTextResponse(report(verdict, verbose=False), status)

    async def counted(_: Request) -> Response:
        try:
            text = istio_names(await admin.metrics())
        except EnvoyAwayError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return Response(text, media_type="text/plain; version=0.0.4")

    app.add_route("/healthz/ready", ready)
    app.add_route("/joined", joined)
    app.add_route("/stats/prometheus", counted)
    return app
