"""Citadel's admin REST: join tokens and the trust bundle."""

from datetime import datetime, timedelta
from secrets import token_bytes

import msgspec
import structlog
from fastapi import FastAPI, Request, Response

from meltemi.citadel.adapters.office import Office
from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.admit import joining_identity
from meltemi.citadel.tokens import (
    DEFAULT_LIFETIME,
    SECRET_BYTES,
    InvalidTokenRequestError,
    make_token,
)
from meltemi.runtime.admin_token import AdminToken
from meltemi.runtime.problems import answer_mesh_errors

BODY_LIMIT = 4096
log = structlog.get_logger()


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whom a token is, and for how many seconds."""

    namespace: str
    service_account: str
    ttl_seconds: int = int(DEFAULT_LIFETIME.total_seconds())


class TokenAnswer(msgspec.Struct, frozen=True):
    """The token, shown this once, and when it expires."""

    token: str
    expires: datetime


def admin_app(
    office: Office, book: TokenBook, admin: AdminToken, trust_domain: str
) -> FastAPI:
    """Return the application: two routes, and errors as problem details."""
    app = FastAPI(title="Citadel", docs_url=None, redoc_url=None)
    answer_mesh_errors(app)

    @app.get("/v1/ca/bundle")
    async def bundle() -> Response:
        return Response(office.bundle_pem, media_type="application/x-pem-file")

    @app.post("/v1/ca/tokens", status_code=201)
    async def create_token(request: Request) -> Response:
        admin.check(request.headers.get("authorization"))
        wish = await read_wish(request)
        identity = joining_identity(trust_domain, wish.namespace, wish.service_account)
        token = make_token(
            identity,
            lifetime=timedelta(seconds=wish.ttl_seconds),
            now=office.clock.now(),
            secret=token_bytes(SECRET_BYTES),
        )
        await book.keep(token)
        expires = token.record.expires
        log.info("token.created", identity=str(identity), expires=expires.isoformat())
        answer = msgspec.json.encode(TokenAnswer(token.secret, expires))
        return Response(answer, 201, media_type="application/json")

    return app


async def read_wish(request: Request) -> TokenRequest:
    """Return what the body asks for.

    Raises:
        InvalidTokenRequestError: If it is too long or not a `TokenRequest`.

    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise InvalidTokenRequestError(f"the body exceeds {BODY_LIMIT} bytes")
    try:
        return msgspec.json.decode(body, type=TokenRequest)
    except msgspec.DecodeError as error:
        raise InvalidTokenRequestError(
            f'{error}; expected {{"namespace", "service_account", "ttl_seconds"}}'
        ) from error
