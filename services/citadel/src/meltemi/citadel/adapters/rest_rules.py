"""Routes of what holds for callers: denials and registration entries."""

import re

import msgspec
from fastapi import APIRouter, Request, Response

from meltemi.citadel.access import Scope
from meltemi.citadel.adapters.desk import Desk, InvalidBodyError, answer_json, read_body
from meltemi.citadel.adapters.rule_book import Denial
from meltemi.kernel.identity import SpiffeId

SERIAL = "[0-9a-fA-F]{1,40}"
"""20 octets (RFC 5280 §4.1.2.2)."""


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to deny: a certificate by its serial number, or a workload."""

    serial: str = ""
    identity: str = ""
    reason: str = ""

    @property
    def number(self) -> int:
        """The serial number; raise `InvalidBodyError` if it is none."""
        digits = self.serial.replace(":", "")
        if not re.fullmatch(SERIAL, digits):
            raise InvalidBodyError(
                f"serial {self.serial[:80]!r} found, expected hexadecimal digits, "
                "40 at most"
            )
        return int(digits, 16)


def denial_routes(desk: Desk) -> APIRouter:
    """Return the routes under ``/v1/ca/revoke``."""
    routes = APIRouter(prefix="/v1/ca/revoke")

    @routes.post("", status_code=201)
    async def revoke(request: Request) -> Response:
        who = desk.check(request, Scope.REVOKE)
        wish = read_revocation(await read_body(request))
        await _deny(desk, wish, Denial(wish.reason, who, desk.office.clock.now()))
        return answer_json(wish, 201)

    @routes.get("")
    async def list_denials(request: Request) -> Response:
        desk.check(request, Scope.READ)
        found = await desk.rules.denials()
        items = [
            {"place": place, **msgspec.structs.asdict(each)}
            for place, each in found.items()
        ]
        return answer_json({"items": items})

    @routes.delete("/{place:path}")
    async def lift(request: Request, place: str) -> Response:
        who = desk.check(request, Scope.REVOKE)
        await desk.rules.lift(place)
        desk.chronicle.done("revocation.lifted", who, subject=place)
        return answer_json({"place": place})

    return routes


async def _deny(desk: Desk, wish: Revocation, denial: Denial) -> None:
    """Deny what ``wish`` names, and tell of it."""
    if wish.serial:
        serial = f"{wish.number:x}"
        await desk.rules.deny_serial(wish.number, denial)
        known = desk.certificates.find(serial)
        identity = known.identity if known else ""
    else:
        serial, identity = "", str(_of_this_mesh(desk, wish.identity))
        await desk.rules.deny_identity(SpiffeId.parse(identity), denial)
    desk.chronicle.done("revoked", denial.by, identity=identity, subject=serial)
    if identity:
        desk.chronicle.revoked(SpiffeId.parse(identity), serial)


def _of_this_mesh(desk: Desk, text: str) -> SpiffeId:
    """Return the identity that is spelled; raise `InvalidBodyError` if not ours."""
    identity = SpiffeId.parse(text)
    if identity.trust_domain not in desk.domains.now.names:
        raise InvalidBodyError(
            f"{identity} is of another mesh: expected a workload of "
            f"{', '.join(desk.domains.now.names)}"
        )
    return identity


def entry_routes(desk: Desk) -> APIRouter:
    """Return the routes under ``/v1/ca/entries``."""
    routes = APIRouter(prefix="/v1/ca/entries")

    @routes.get("")
    async def list_entries(request: Request) -> Response:
        desk.check(request, Scope.READ)
        found = await desk.rules.entries()
        items = [
            {"name": name, **msgspec.to_builtins(each)} for name, each in found.items()
        ]
        return answer_json({"items": items})

    @routes.put("/{name}")
    async def put_entry(request: Request, name: str) -> Response:
        who = desk.check(request, Scope.ENTRIES)
        entry = await desk.rules.put(name, await read_body(request))
        identity = str(entry.identity(desk.trust_domain))
        what = "entry.written" if entry.enabled else "entry.disabled"
        desk.chronicle.done(what, who, identity=identity, subject=name)
        return answer_json(entry)

    @routes.delete("/{name}")
    async def remove_entry(request: Request, name: str) -> Response:
        who = desk.check(request, Scope.ENTRIES)
        await desk.rules.remove(name)
        desk.chronicle.done("entry.removed", who, subject=name)
        return answer_json({"name": name})

    return routes


def read_revocation(body: bytes) -> Revocation:
    """Return what a body asks for; raise `InvalidBodyError` if it is not one thing."""
    try:
        wish = msgspec.json.decode(body, type=Revocation)
    except msgspec.DecodeError as error:
        raise InvalidBodyError(f"{error}") from error
    if bool(wish.serial) == bool(wish.identity):
        raise InvalidBodyError('set "serial" or "identity", not both')
    return wish
