"""Who is asking: what a request shows, against the files that decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meltemi.galley.permission import Administrator, Bearer, Workload
from meltemi.galley.refusals import UnauthenticatedError
from meltemi.galley.tokens import PREFIX
from meltemi.identity.certificate import (
    InvalidCertificateError,
    parse_chain,
    spiffe_id,
)
from meltemi.identity.issued_tokens import InvalidTokenError, parse_token
from meltemi.runtime.admin_token import AdminDeniedError, AdminToken
from meltemi.runtime.proof_verification import InvalidProofError, verify_proof

if TYPE_CHECKING:
    from meltemi.config.trust_domains import MeshDomains
    from meltemi.galley.adapters.access_book import AccessBook
    from meltemi.galley.adapters.token_book import TokenBook
    from meltemi.galley.permission import Caller, Scope
    from meltemi.galley.settings import GalleySettings
    from meltemi.kernel.clock import Clock

AUDIENCE = "meltemi-galley"
JWT = "eyJ"
"""How every JWT begins: base64url of ``{"``."""
DOTS_OF_A_JWT = 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a request shows of who asks."""

    authorization: str = ""
    """The header."""
    certificate: str = ""
    """The client's certificate (PEM): the handshake found that it holds."""

    @property
    def token(self) -> str:
        """What stands behind ``Bearer``."""
        return self.authorization.partition(" ")[2].strip()

    @property
    def is_jwt(self) -> bool:
        """Whether the token looks like one."""
        return self.token.startswith(JWT) and self.token.count(".") == DOTS_OF_A_JWT


class Callers:
    """Tells everybody who may do something from everybody else."""

    def __init__(
        self,
        settings: GalleySettings,
        tokens: TokenBook,
        access: AccessBook,
        clock: Clock,
        domains: MeshDomains,
    ) -> None:
        self._domains = domains
        self._settings, self._tokens, self._clock = settings, tokens, clock
        self._access = access
        self._admin = AdminToken(settings.admin_token_file)

    async def identify(self, evidence: Evidence) -> Caller:
        """Return who shows ``evidence``; a token counts more than a certificate.

        Raises:
            UnauthenticatedError: If it is missing or not believed.

        """
        limited = await self._limited(evidence)
        if limited is not None:
            return limited
        try:
            if evidence.is_jwt:
                return self._workload(evidence.token)
            self._admin.check(evidence.authorization)
        except (AdminDeniedError, InvalidProofError) as error:
            raise UnauthenticatedError(str(error)) from error
        return Administrator()

    async def reader(self, evidence: Evidence) -> Caller | None:
        """Return who reads; None for anybody, where anybody may.

        On loopback reads need no proof, and what limits itself is limited. Beyond
        it nobody reads without saying who asks.

        Raises:
            UnauthenticatedError: If a proof is missing there, or not believed.

        """
        if not self._settings.on_loopback:
            return await self.identify(evidence)
        limited = await self._limited(evidence)
        if limited is None and evidence.authorization:
            await self.identify(evidence)  # what is shown is to be believed
        return limited

    async def _limited(self, evidence: Evidence) -> Bearer | None:
        """Return the caller whose scopes limit it, if it is one of those."""
        if evidence.token.startswith(PREFIX):
            known = await self._tokens.check(evidence.token)
            return self._bearer(known.name, known.scopes)
        if evidence.is_jwt:
            return await self._issued(evidence.token)
        if not evidence.authorization and evidence.certificate:
            return self._certified(evidence.certificate)
        return None

    async def _issued(self, token: str) -> Bearer | None:
        """Return whom an issuer vouches for; None for a JWT that names no issuer."""
        try:
            unproved = parse_token(token)
            if unproved is None:
                return None
            issuer = self._access.current().issuer_called(unproved.issuer)
            if issuer is None:
                raise UnauthenticatedError(
                    f"{unproved.issuer!r} is no issuer whose tokens are believed here"
                )
            claims = await self._access.verify(unproved, issuer)
        except InvalidTokenError as error:
            raise UnauthenticatedError(str(error)) from error
        return self._bearer(f"{issuer.issuer}#{claims['sub']}", issuer.scopes(claims))

    def _certified(self, certificate: str) -> Bearer:
        try:
            leaf = parse_chain(certificate)[0]
            identity = spiffe_id(leaf)
        except InvalidCertificateError as error:
            raise UnauthenticatedError(
                f"the client certificate names nobody: {error}"
            ) from error
        if leaf.not_valid_after_utc <= self._clock.now():  # while a watch was open
            raise UnauthenticatedError(
                f"the client certificate expired at {leaf.not_valid_after_utc:%FT%TZ}"
            )
        domains = self._domains.now
        if identity.trust_domain not in domains.names:
            raise UnauthenticatedError(
                f"{identity} is not of the trust domain {domains.own!r}"
            )
        access = self._access.current()
        scopes = tuple(
            scope
            for each in domains.spellings(identity)
            for scope in access.of_certificate(each)
        )
        return self._bearer(str(identity), scopes)

    def _bearer(self, name: str, scopes: tuple[Scope, ...]) -> Bearer:
        return Bearer(name, scopes, self._settings.root_namespace)

    def _workload(self, token: str) -> Workload:
        bundle = self._settings.trust_bundle_file
        if bundle is None:
            raise UnauthenticatedError(
                "workloads cannot prove who they are here: GALLEY_TRUST_BUNDLE_FILE "
                "is not set"
            )
        try:
            roots = bundle.read_bytes()
        except OSError as error:
            raise UnauthenticatedError(
                f"the mesh's root certificates cannot be read: {error.strerror}"
            ) from error
        return Workload(
            verify_proof(
                token,
                roots,
                audience=AUDIENCE,
                domains=self._domains.now,
                now=self._clock.now(),
            )
        )
