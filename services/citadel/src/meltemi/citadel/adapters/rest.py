"""Citadel's administration over HTTP, put together."""

from fastapi import FastAPI, Response

from meltemi.citadel.adapters.desk import Desk, answer_json
from meltemi.citadel.adapters.rest_rules import denial_routes, entry_routes
from meltemi.citadel.adapters.rest_tokens import token_routes
from meltemi.runtime.problems import answer_mesh_errors


def admin_app(desk: Desk) -> FastAPI:
    """Return the application, errors as problem details."""
    app = FastAPI(title="Citadel", docs_url=None, redoc_url=None)
    answer_mesh_errors(app)

    @app.get("/v1/ca/bundle")
    async def bundle() -> Response:
        return Response(desk.office.bundle_pem, media_type="application/x-pem-file")

    @app.get("/v1/ca/jwks")
    async def jwks() -> Response:
        return answer_json({"keys": [desk.key.jwk]})

    for routes in (token_routes, denial_routes, entry_routes):
        app.include_router(routes(desk))
    return app
