"""Routes for secrets of gateways: they go in, and never come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import Response

from meltemi.galley.adapters.answers import OUTCOME, json_answer, route
from meltemi.galley.adapters.asking import audited, check_administrator
from meltemi.galley.adapters.body import read_json
from meltemi.galley.refusals import InvalidBodyError
from meltemi.identity.tls_secret import Name, TlsSecret

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.routing import BaseRoute

    from meltemi.galley.adapters.galley import Galley

SECRETS = "/api/v1/secrets"
ONE = SECRETS + "/{namespace}/{name}"
NO_CONTENT = 204


class Wish(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What somebody wants kept: PEM texts."""

    certificate: str
    key: str
    ca: str = ""
    allowed_namespaces: tuple[Name, ...] = ()

    def __repr__(self) -> str:
        return "Wish(...)"

    def secret(self) -> TlsSecret:
        """Return it, unchecked."""
        return TlsSecret(self.certificate, self.key, self.ca, self.allowed_namespaces)


def secret_routes(galley: Galley) -> list[BaseRoute]:
    """Return the routes, all of them for administrators."""

    async def put(request: Request) -> Response:
        await check_administrator(galley, request)
        namespace, name = _place(request)
        data = await read_json(request)
        try:
            wish = msgspec.json.decode(data, type=Wish)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            # Its words name fields and types, never values.
            raise InvalidBodyError(f"not a TLS secret: {error}") from None
        known = await galley.secrets.has(namespace, name)
        kept = await galley.secrets.put(namespace, name, wish.secret())
        answer = json_answer(kept.shown())
        answer.headers[OUTCOME] = "configured" if known else "created"
        return answer

    async def read(request: Request) -> Response:
        await check_administrator(galley, request)
        found = await galley.secrets.all()
        return json_answer({"items": [each.shown() for each in found]})

    async def remove(request: Request) -> Response:
        await check_administrator(galley, request)
        await galley.secrets.remove(*_place(request))
        return Response(None, NO_CONTENT, {OUTCOME: "deleted"})

    made = {
        "PUT": audited(galley, "put-secret", put),
        "DELETE": audited(galley, "delete-secret", remove),
    }
    return [route(SECRETS, {"GET": read}), route(ONE, made)]


def _place(request: Request) -> tuple[str, str]:
    parts: dict[str, str] = request.path_params
    try:
        namespace = msgspec.convert(parts["namespace"], Name)
        return namespace, msgspec.convert(parts["name"], Name)
    except msgspec.ValidationError as error:
        raise InvalidBodyError(f"not the name of a secret: {error}") from None
