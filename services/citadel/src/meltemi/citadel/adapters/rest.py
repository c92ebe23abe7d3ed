"""Citadel's administration over HTTP, put together."""

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from meltemi.citadel.access import Scope
from meltemi.citadel.adapters.desk import Desk, answer_json
from meltemi.citadel.adapters.rest_keys import key_routes
from meltemi.citadel.adapters.rest_rotation import rotation_routes
from meltemi.citadel.adapters.rest_rules import denial_routes, entry_routes
from meltemi.citadel.adapters.rest_tokens import token_routes
from meltemi.citadel.spiffe_bundle import spiffe_bundle
from meltemi.citadel.tokens import ALGORITHM, AUDIENCE, own_issuer
from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.problems import answer_mesh_errors


class NoSuchTrustDomainError(MeshError):
    """The bundle of a trust domain is asked for that is not ours."""

    code = "citadel.no-such-trust-domain"
    blame = Blame.CALLER


def admin_app(desk: Desk) -> FastAPI:
    """Return the application, errors as problem details."""
    app = FastAPI(title="Citadel", docs_url=None, redoc_url=None)
    answer_mesh_errors(app)
    for routes in (
        public_routes,
        certificate_routes,
        token_routes,
        denial_routes,
        entry_routes,
        rotation_routes,
        key_routes,
    ):
        app.include_router(routes(desk))
    return app


def public_routes(desk: Desk) -> APIRouter:
    """Return the routes that everybody may read: what others verify with."""
    routes = APIRouter()

    @routes.get("/v1/ca/bundle")
    async def bundle() -> Response:
        return Response(desk.office.bundle_pem, media_type="application/x-pem-file")

    @routes.get("/v1/ca/jwks")
    async def jwks() -> Response:
        return answer_json({"keys": desk.token_keys.ring.jwks})

    @routes.get("/.well-known/spiffe/bundle/{trust_domain}")
    async def federation(trust_domain: str) -> Response:
        if trust_domain not in desk.domains.now.names:
            raise NoSuchTrustDomainError(
                f"{trust_domain!r} is not served here: {desk.trust_domain} is"
            )
        keys = desk.svid_keys
        refresh = int(keys.pace.refresh.total_seconds())
        return answer_json(spiffe_bundle(desk.office.roots, keys.ring, refresh))

    return routes


def certificate_routes(desk: Desk) -> APIRouter:
    """Return the routes about certificates that are out, and who vouches for them."""
    routes = APIRouter(prefix="/v1/ca")

    @routes.get("/certs")
    async def certificates(
        request: Request, identity: str = "", namespace: str = ""
    ) -> Response:
        desk.check(request, Scope.READ)
        inside = f"/ns/{namespace}/"
        items = [
            each
            for each in desk.certificates.all()
            if identity in ("", each.identity)
            and (not namespace or inside in each.identity)
        ]
        return answer_json({"items": items})

    @routes.get("/issuers")
    async def issuers(request: Request) -> Response:
        desk.check(request, Scope.READ)
        own = {
            "issuer": own_issuer(desk.trust_domain),
            "audiences": [AUDIENCE],
            "algorithms": [ALGORITHM],
            "jwksUrl": "/v1/ca/jwks",
        }
        return answer_json({"items": [own, *map(msgspec.to_builtins, desk.issuers)]})

    return routes
