"""Citadel's admin REST: workload tokens, and what others verify with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_bytes

import msgspec
import structlog
from fastapi import FastAPI, Request, Response

from meltemi.citadel.adapters.office import Office
from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.admit import joining_identity
from meltemi.citadel.token_key import TokenKey
from meltemi.citadel.tokens import (
    DEFAULT_LIFETIME,
    ID_BYTES,
    Bounds,
    InvalidTokenRequestError,
    Token,
    TokenRecord,
    make_token,
)
from meltemi.runtime.admin_token import AdminToken
from meltemi.runtime.problems import answer_mesh_errors

BODY_LIMIT = 4096
log = structlog.get_logger()


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whom a token is, and what it is good for."""

    namespace: str
    service_account: str
    ttl_seconds: int = int(DEFAULT_LIFETIME.total_seconds())
    once: bool = True
    cidr: str = ""
    node: str = ""

    @property
    def bounds(self) -> Bounds:
        """What it is good for."""
        lifetime = timedelta(seconds=self.ttl_seconds)
        return Bounds(lifetime, self.once, self.cidr, self.node)


class TokenAnswer(msgspec.Struct, frozen=True):
    """The token, shown this once, and when it expires."""

    token: str
    id: str
    expires: datetime


class ListedAnswer(TokenRecord, frozen=True):
    """A token without its text; ``spent`` says why it is good no more."""

    spent: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the administration works with."""

    office: Office
    book: TokenBook
    admin: AdminToken
    key: TokenKey
    trust_domain: str


def admin_app(desk: Desk) -> FastAPI:
    """Return the application, errors as problem details."""
    app = FastAPI(title="Citadel", docs_url=None, redoc_url=None)
    answer_mesh_errors(app)

    @app.get("/v1/ca/bundle")
    async def bundle() -> Response:
        return Response(desk.office.bundle_pem, media_type="application/x-pem-file")

    @app.get("/v1/ca/jwks")
    async def jwks() -> Response:
        return _json({"keys": [desk.key.jwk]})

    _token_routes(app, desk)
    return app


def _token_routes(app: FastAPI, desk: Desk) -> None:
    def check(request: Request) -> None:
        desk.admin.check(request.headers.get("authorization"))

    @app.post("/v1/ca/tokens", status_code=201)
    async def create_token(request: Request) -> Response:
        check(request)
        token = await _made(desk, await read_wish(request))
        told = token.record
        return _json(TokenAnswer(token.text, told.id, told.expires), 201)

    @app.get("/v1/ca/tokens")
    async def list_tokens(request: Request) -> Response:
        check(request)
        items = [
            ListedAnswer(**msgspec.structs.asdict(each.record), spent=each.spent)
            for each in await desk.book.all()
        ]
        return _json({"items": items})

    @app.delete("/v1/ca/tokens/{number}")
    async def revoke_token(request: Request, number: str) -> Response:
        check(request)
        record = await desk.book.revoke(number)
        log.info("token.revoked", id=record.id, identity=record.identity)
        return _json(record)


async def _made(desk: Desk, wish: TokenRequest) -> Token:
    identity = joining_identity(desk.trust_domain, wish.namespace, wish.service_account)
    token = make_token(
        identity,
        wish.bounds,
        desk.key,
        now=desk.office.clock.now(),
        number=token_bytes(ID_BYTES),
    )
    await desk.book.keep(token.record)
    told = token.record
    log.info(
        "token.created",
        id=told.id,
        identity=told.identity,
        once=told.once,
        expires=told.expires.isoformat(),
    )
    return token


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


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
            f'{error}; expected {{"namespace", "service_account", "ttl_seconds", '
            '"once", "cidr", "node"}'
        ) from error
