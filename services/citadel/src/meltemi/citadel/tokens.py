"""Join tokens: a secret for the workload, its hash for the ledger. No I/O."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from meltemi.citadel.admit import UnauthenticatedError, citadel_identity
from meltemi.kernel.errors import Blame, MeshError
from meltemi.kernel.identity import InvalidIdentityError, SpiffeId

SECRET_BYTES = 32
"""256 random bits: guessing needs no rate limit to be hopeless."""

DEFAULT_LIFETIME = timedelta(minutes=10)
"""SPIRE's join tokens live as long by default."""

LONGEST_LIFETIME = timedelta(hours=24)


class InvalidTokenRequestError(MeshError):
    """A token cannot be made as asked."""

    code = "citadel.invalid-token-request"
    blame = Blame.CALLER


class TokenRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the ledger holds about a token: everything but the token."""

    identity: str
    expires: datetime

    def admit(self, *, trust_domain: str, now: datetime) -> SpiffeId:
        """Return whom the token stands for.

        Raises:
            UnauthenticatedError: If it has expired, or `make_token` would not have
                made it: the ledger may have been written by somebody else.

        """
        if self.expires > now + LONGEST_LIFETIME:
            raise UnauthenticatedError(
                f"join token for {self.identity} lives until {self.expires:%FT%TZ}, "
                f"longer than any this authority makes"
            )
        if self.expires <= now:
            raise UnauthenticatedError(
                f"join token for {self.identity} expired at {self.expires:%FT%TZ}"
            )
        try:
            identity = SpiffeId.parse(self.identity)
        except InvalidIdentityError as error:
            raise UnauthenticatedError(f"join token: {error}") from error
        if identity.trust_domain != trust_domain:
            raise UnauthenticatedError(
                f"join token for {identity}: this authority serves {trust_domain}"
            )
        if identity == citadel_identity(trust_domain):
            raise UnauthenticatedError(f"join token for {identity}, the authority's")
        return identity

    def encode(self) -> bytes:
        """Return the stored form, JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> TokenRecord:
        """Read the stored form; a record nobody can read admits nobody."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise UnauthenticatedError(f"join token record: {error}") from error


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its maker sees it, once."""

    secret: str
    record: TokenRecord


def make_token(
    identity: SpiffeId, *, lifetime: timedelta, now: datetime, secret: bytes
) -> Token:
    """Return a token for ``identity`` that can be used once within ``lifetime``.

    Raises:
        InvalidTokenRequestError: If ``lifetime`` is not between 1 s and 24 h.

    """
    if not timedelta(seconds=1) <= lifetime <= LONGEST_LIFETIME:
        raise InvalidTokenRequestError(
            f"ttl_seconds {lifetime.total_seconds():.0f} is out of range: "
            f"expected 1 to {LONGEST_LIFETIME.total_seconds():.0f}"
        )
    text = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    return Token(text, TokenRecord(str(identity), now + lifetime))


def tokens_prefix(mesh: str) -> str:
    """Return where the tokens of ``mesh`` lie in the ledger."""
    return f"/mesh/citadel/v1/{mesh}/tokens/"


def token_key(mesh: str, secret: str) -> str:
    """Return a token's place in the ledger: its SHA-256, so a leak of it is no leak."""
    return tokens_prefix(mesh) + hashlib.sha256(secret.encode()).hexdigest()
