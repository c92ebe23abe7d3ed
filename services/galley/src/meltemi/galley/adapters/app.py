"""Galley's HTTP application, put together from its routes."""

from fastapi import FastAPI, Response

from meltemi.config.kinds import KINDS
from meltemi.galley.adapters.problems import answer_problems
from meltemi.galley.adapters.routes import Galley, configuration
from meltemi.galley.presentation import as_json


def galley_app(galley: Galley) -> FastAPI:
    """Return an application that serves ``galley``; operations come on top."""
    app = FastAPI(title="Meltemi Galley", docs_url=None, redoc_url=None)
    answer_problems(app, galley.metrics)

    @app.get("/apis")
    async def served() -> Response:
        groups = [
            {
                "kind": kind.name,
                "group": kind.group,
                "versions": kind.versions,
                "plural": kind.plural,
                "shortNames": kind.short_names,
            }
            for kind in KINDS
        ]
        return Response(as_json({"kinds": groups}), media_type="application/json")

    @app.get("/api/v1/proxies")
    async def proxies() -> Response:
        fleet = await galley.pilots.fleet()
        return Response(as_json(fleet.proxies), media_type="application/json")

    app.include_router(configuration(galley))
    return app
