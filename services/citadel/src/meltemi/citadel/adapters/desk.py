"""What the routes of the administration share: who asks, bodies, answers."""

from dataclasses import dataclass

import msgspec
from fastapi import Request, Response

from meltemi.citadel.access import Scope
from meltemi.citadel.adapters.administrators import Administrators
from meltemi.citadel.adapters.certificate_book import CertificateBook
from meltemi.citadel.adapters.chronicle import Chronicle
from meltemi.citadel.adapters.key_keeping import KeyKeeping
from meltemi.citadel.adapters.office import Office
from meltemi.citadel.adapters.rule_book import RuleBook
from meltemi.citadel.adapters.token_book import TokenBook
from meltemi.citadel.issuers import Issuer
from meltemi.citadel.signer import Signer
from meltemi.config.trust_domains import MeshDomains
from meltemi.kernel.errors import Blame, MeshError

BODY_LIMIT = 4096


class InvalidBodyError(MeshError):
    """A body is too long, or not what the route takes."""

    code = "citadel.invalid-body"
    blame = Blame.CALLER


@dataclass(frozen=True, slots=True)
class Desk:
    """What the administration works with."""

    office: Office
    book: TokenBook
    rules: RuleBook
    administrators: Administrators
    token_keys: KeyKeeping
    svid_keys: KeyKeeping
    certificates: CertificateBook
    chronicle: Chronicle
    issuers: tuple[Issuer, ...]
    signer: Signer
    domains: MeshDomains

    @property
    def trust_domain(self) -> str:
        """What new identities begin with."""
        return self.domains.now.own

    def check(self, request: Request, scope: Scope) -> str:
        """Return who asks, if ``scope`` allows it; raise what forbids it."""
        return self.administrators.check(request.headers.get("authorization"), scope)


async def read_body(request: Request) -> bytes:
    """Return a body; raise `InvalidBodyError` if it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise InvalidBodyError(f"the body exceeds {BODY_LIMIT} bytes")
    return bytes(body)


def answer_json(value: object, status: int = 200) -> Response:
    """Return ``value`` as a JSON answer."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")
