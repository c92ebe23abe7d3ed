"""Who is asking: the ``Authorization`` header against the files that decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meltemi.galley.permission import Administrator, Bearer, Workload
from meltemi.galley.refusals import UnauthenticatedError
from meltemi.galley.tokens import PREFIX
from meltemi.runtime.admin_token import AdminDeniedError, AdminToken
from meltemi.runtime.proof_verification import InvalidProofError, verify_proof

if TYPE_CHECKING:
    from meltemi.galley.adapters.token_book import TokenBook
    from meltemi.galley.permission import Caller
    from meltemi.galley.settings import GalleySettings
    from meltemi.kernel.clock import Clock

AUDIENCE = "meltemi-galley"
JWT = "eyJ"
"""How every JWT begins: base64url of ``{"``."""
DOTS_OF_A_JWT = 2


class Callers:
    """Tells administrators, bearers of tokens and workloads from everybody else."""

    def __init__(
        self, settings: GalleySettings, tokens: TokenBook, clock: Clock
    ) -> None:
        self._settings, self._tokens, self._clock = settings, tokens, clock
        self._admin = AdminToken(settings.admin_token_file)

    async def identify(self, authorization: str | None) -> Caller:
        """Return who shows ``authorization``.

        Raises:
            UnauthenticatedError: If it is missing or not believed.

        """
        bearer = await self.bearer(authorization)
        if bearer is not None:
            return bearer
        token = _token(authorization)
        try:
            if token.startswith(JWT) and token.count(".") == DOTS_OF_A_JWT:
                return self._workload(token)
            self._admin.check(authorization)
        except (AdminDeniedError, InvalidProofError) as error:
            raise UnauthenticatedError(str(error)) from error
        return Administrator()

    async def bearer(self, authorization: str | None) -> Bearer | None:
        """Return whose token of limited scope ``authorization`` is, if it is one.

        Raises:
            UnauthenticatedError: If it looks like one and is not good.

        """
        token = _token(authorization)
        if not token.startswith(PREFIX):
            return None
        known = await self._tokens.check(token)
        return Bearer(known.name, known.scopes, self._settings.root_namespace)

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
                trust_domain=self._settings.trust_domain,
                now=self._clock.now(),
            )
        )


def _token(authorization: str | None) -> str:
    return (authorization or "").partition(" ")[2].strip()
