"""Routes of workload tokens."""

from datetime import datetime, timedelta
from secrets import token_bytes

import msgspec
from fastapi import APIRouter, Request, Response

from meltemi.citadel.access import Scope
from meltemi.citadel.adapters.desk import Desk, answer_json, read_body
from meltemi.citadel.admit import joining_identity
from meltemi.citadel.tokens import (
    DEFAULT_LIFETIME,
    ID_BYTES,
    Bounds,
    InvalidTokenRequestError,
    Token,
    TokenRecord,
    make_token,
)
from meltemi.kernel.identity import SpiffeId, is_control_plane


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


def token_routes(desk: Desk) -> APIRouter:
    """Return the routes under ``/v1/ca/tokens``."""
    routes = APIRouter(prefix="/v1/ca/tokens")

    @routes.post("", status_code=201)
    async def create_token(request: Request) -> Response:
        who = desk.check(request, Scope.TOKENS)
        wish = read_wish(await read_body(request))
        identity = joining_identity(
            desk.trust_domain, wish.namespace, wish.service_account
        )
        if is_control_plane(identity):
            desk.check(request, Scope.CONTROL_PLANE)
        token = await _made(desk, identity, wish.bounds, who)
        told = token.record
        return answer_json(TokenAnswer(token.text, told.id, told.expires), 201)

    @routes.get("")
    async def list_tokens(request: Request) -> Response:
        desk.check(request, Scope.READ)
        items = [
            ListedAnswer(**msgspec.structs.asdict(each.record), spent=each.spent)
            for each in await desk.book.all()
        ]
        return answer_json({"items": items})

    @routes.delete("/{number}")
    async def revoke_token(request: Request, number: str) -> Response:
        who = desk.check(request, Scope.TOKENS)
        record = await desk.book.revoke(number)
        desk.chronicle.done(
            "token.revoked", who, identity=record.identity, subject=record.id
        )
        return answer_json(record)

    return routes


def read_wish(body: bytes) -> TokenRequest:
    """Return what a body asks for.

    Raises:
        InvalidTokenRequestError: If it is not a `TokenRequest`.

    """
    try:
        return msgspec.json.decode(body, type=TokenRequest)
    except msgspec.DecodeError as error:
        raise InvalidTokenRequestError(
            f'{error}; expected {{"namespace", "service_account", "ttl_seconds", '
            '"once", "cidr", "node"}'
        ) from error


async def _made(desk: Desk, identity: SpiffeId, bounds: Bounds, who: str) -> Token:
    token = make_token(
        identity,
        bounds,
        desk.token_keys.signing,
        now=desk.office.clock.now(),
        number=token_bytes(ID_BYTES),
    )
    await desk.book.keep(token.record)
    told = token.record
    desk.chronicle.done("token.created", who, identity=told.identity, subject=told.id)
    return token
